import type { V1MutatingWebhookConfiguration, V1Namespace, V1Pod } from '@kubernetes/client-node';
import type { Command } from 'commander';
import type { InjectReport } from '../check-inject/report.js';
import { type OutputFormat, parseOutputFormat, print } from '../output/print.js';
import { formatTable } from '../output/table.js';

interface Options {
  readonly namespace?: string;
  readonly output: OutputFormat;
  readonly rootNamespace: string;
}

/** `weft check-inject`: which webhooks see a pod, and why it has a sidecar or not. */
export function configure(command: Command): void {
  command
    .argument('<pod>', 'name of a pod')
    .option('-n, --namespace <name>', "the pod's namespace; as of the kubeconfig's context")
    .option('-o, --output <format>', 'table, json or yaml', parseOutputFormat, 'table')
    .option('--root-namespace <name>', 'namespace of the control plane', 'istio-system')
    .addHelpText('after', '\nExamples:\n  weft check-inject reviews-v1-6b4f -n bookinfo')
    .action(async (name: string, options: Options) => {
      const { connectToKubernetes } = await import('../../control-plane/kubernetes/client.js');
      const { reportInjection } = await import('../check-inject/report.js');
      const api = await connectToKubernetes('weft');
      const namespace =
        options.namespace ?? api.config.getContextObject(api.config.currentContext)?.namespace ?? 'default';
      const get = <T>(path: string): Promise<T> => api.request<T>({ method: 'GET', path });
      const [pod, { metadata }, { items }] = await Promise.all([
        get<V1Pod>(
          `/api/v1/namespaces/${encodeURIComponent(namespace)}/pods/${encodeURIComponent(name.replace(/^pods?\//, ''))}`,
        ),
        get<V1Namespace>(`/api/v1/namespaces/${encodeURIComponent(namespace)}`),
        get<{ readonly items: readonly V1MutatingWebhookConfiguration[] }>(
          '/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations',
        ),
      ]);
      const info = { name: namespace, labels: metadata?.labels ?? {}, annotations: metadata?.annotations ?? {} };
      const report = reportInjection(pod, info, items, options.rootNamespace);
      print(options.output, report, () => describe(report));
      if (report.injected !== report.wouldBe) process.exitCode = 1;
    });
}

function describe({ pod, injected, wouldBe, reason, rows, advice }: InjectReport): string {
  const table = formatTable(
    ['WEBHOOK', 'REVISION', 'SELECTS', 'REASON'],
    rows.map((row) => [row.webhook, row.revision, row.sees ? 'yes' : 'no', row.reason]),
  );
  return [
    `Pod ${pod} has ${injected ? 'a sidecar' : 'no sidecar'}; created now it would get ${wouldBe ? 'one' : 'none'}: ${reason}.`,
    ...(rows.length === 0 ? [] : ['', table]),
    ...(advice.length === 0 ? [] : ['', ...advice.map((line) => `→ ${line}`)]),
  ].join('\n');
}

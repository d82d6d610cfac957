import type { V1MutatingWebhookConfiguration, V1Namespace } from '@kubernetes/client-node';
import type { Command } from 'commander';
import type { InjectReport } from '../check-inject/report.js';
import { type ClusterOptions, clusterOptions } from '../mesh/options.js';
import { type OutputFormat, parseOutputFormat, print } from '../output/print.js';
import { formatTable } from '../output/table.js';

interface Options extends ClusterOptions {
  readonly output: OutputFormat;
}

/** `weft check-inject`: which webhooks see a pod, and why it has a sidecar or not. */
export function configure(command: Command): void {
  clusterOptions(command, "the pod's namespace; otherwise the context's")
    .argument('<pod>', 'a pod (POD, POD.NAMESPACE) or deploy/NAME')
    .option('-o, --output <format>', 'table, json or yaml', parseOutputFormat, 'table')
    .addHelpText(
      'after',
      '\nExit code 1: the pod is not as one would be that is created now.\n\nExamples:\n  weft check-inject reviews-v1-6b4f8d-x2x4b -n bookinfo\n  weft check-inject deploy/reviews-v1.bookinfo',
    )
    .action(async (name: string, options: Options) => {
      const { explained, openCluster } = await import('../mesh/cluster.js');
      const { findPod } = await import('../mesh/cluster-mesh.js');
      const { reportInjection } = await import('../check-inject/report.js');
      const cluster = await openCluster(options);
      const get = <T>(path: string): Promise<T> => cluster.api.request<T>({ method: 'GET', path });
      const asked = async () => {
        const pod = await findPod(cluster, name);
        const place = pod.metadata?.namespace ?? '';
        const [{ metadata }, { items }] = await Promise.all([
          get<V1Namespace>(`/api/v1/namespaces/${encodeURIComponent(place)}`),
          get<{ readonly items: readonly V1MutatingWebhookConfiguration[] }>(
            '/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations',
          ),
        ]);
        const info = { name: place, labels: metadata?.labels ?? {}, annotations: metadata?.annotations ?? {} };
        return { pod, info, items };
      };
      const { pod, info, items } = await asked().catch((error: unknown) => {
        throw explained(error, cluster.title);
      });
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

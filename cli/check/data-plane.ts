import type { V1MutatingWebhookConfiguration, V1Namespace, V1Pod } from '@kubernetes/client-node';
import type { Finding } from '../../control-plane/api/object.js';
import { reportInjection } from '../check-inject/report.js';
import type { ProxySync } from '../commands/proxy-status.js';
import { error, type Line, ok, some, warning } from './report.js';

/** Who of the pods with a sidecar is connected, and has what it should. Pure. */
export function proxyLines(pods: readonly V1Pod[], proxies: readonly ProxySync[], version: string): Line[] {
  const connected = new Set(proxies.map(({ workload, namespace }) => `${namespace}/${workload}`));
  const running = pods.filter(
    ({ status, metadata }) => status?.phase === 'Running' && metadata?.deletionTimestamp === undefined,
  );
  const lost = running
    .filter(hasSidecar)
    .map(titleOf)
    .filter((name) => !connected.has(name));
  const lines: Line[] = [];
  if (lost.length > 0)
    lines.push(
      error(
        `sidecars that are not connected: ${some(lost)}`,
        `they keep their last configuration; why: kubectl logs -n ${lost[0]?.split('/')[0] ?? ''} ${lost[0]?.split('/')[1] ?? ''} -c istio-proxy`,
      ),
    );
  else lines.push(ok(proxies.length === 0 ? 'no proxy yet' : `${proxies.length} proxies are connected`));
  for (const proxy of proxies)
    for (const [type, { lastNack }] of Object.entries(proxy.types))
      if (lastNack !== undefined)
        lines.push(
          error(
            `${proxy.namespace}/${proxy.workload} refused ${type}: ${lastNack.reason}`,
            `weft proxy-config all ${proxy.workload}.${proxy.namespace}`,
          ),
        );
  const behind = proxies.filter(({ types }) => Object.values(types).some(({ status }) => status === 'STALE'));
  if (behind.length > 0)
    lines.push(
      warning(
        `not acknowledged yet by: ${some(behind.map(nameOf))}`,
        'look again with weft proxy-status; if it stays so, see their logs',
      ),
    );
  else if (proxies.length > 0 && lines.every(({ level }) => level === 'ok'))
    lines.push(ok('all have the newest configuration'));
  return [...lines, ...versionLines(proxies, version)];
}

function versionLines(proxies: readonly ProxySync[], version: string): Line[] {
  const told = proxies.filter((proxy) => proxy.dataPlane === 'weft' && proxy.version !== undefined);
  if (version === '' || told.length === 0) return [];
  const others = told.filter((proxy) => proxy.version !== version);
  if (others.length === 0) return [ok(`all are of the control plane's version, ${version}`)];
  const versions = [...new Set(others.map((proxy) => proxy.version ?? ''))].sort();
  return [
    warning(
      `${others.length} proxies are of version ${versions.join(', ')}, the control plane of ${version}: ${some(others.map(nameOf))}`,
      'restart their workloads: kubectl rollout restart deployment -n NAMESPACE',
    ),
  ];
}

function nameOf({ namespace, workload }: ProxySync): string {
  return `${namespace}/${workload}`;
}

function titleOf({ metadata }: V1Pod): string {
  return `${metadata?.namespace ?? ''}/${metadata?.name ?? ''}`;
}

export function hasSidecar({ metadata, spec }: V1Pod): boolean {
  if (metadata?.annotations?.['sidecar.istio.io/status'] === undefined) return false;
  return [...(spec?.containers ?? []), ...(spec?.initContainers ?? [])].some(({ name }) => name === 'istio-proxy');
}

/** Pods that are not as one would be that is created now. Pure. */
export function injectionLines(
  pods: readonly V1Pod[],
  namespaces: readonly V1Namespace[],
  injectors: readonly V1MutatingWebhookConfiguration[],
  rootNamespace: string,
): Line[] {
  const infos = new Map(
    namespaces.map(({ metadata }) => {
      const { name = '', labels = {}, annotations = {} } = metadata ?? {};
      return [name, { name, labels, annotations }];
    }),
  );
  const without = new Map<string, string[]>();
  const with_ = new Map<string, string[]>();
  for (const pod of pods) {
    const namespace = infos.get(pod.metadata?.namespace ?? '');
    if (namespace === undefined || !isAlive(pod)) continue;
    const { injected, wouldBe } = reportInjection(pod, namespace, injectors, rootNamespace);
    if (injected === wouldBe) continue;
    const list = wouldBe ? without : with_;
    list.set(namespace.name, [...(list.get(namespace.name) ?? []), pod.metadata?.name ?? '']);
  }
  const lines = [...without].map(([namespace, names]) =>
    warning(
      `namespace ${namespace}: without a sidecar, since older than the label: ${some(names)}`,
      `kubectl rollout restart deployment,statefulset,daemonset -n ${namespace}`,
    ),
  );
  for (const [namespace, names] of with_)
    lines.push(
      warning(
        `namespace ${namespace}: with a sidecar that it would not get any more: ${some(names)}`,
        `kubectl rollout restart deployment,statefulset,daemonset -n ${namespace}, or label the namespace again`,
      ),
    );
  if (lines.length > 0) return lines;
  return [ok('every pod that should have a sidecar has one')];
}

function isAlive({ status, metadata }: V1Pod): boolean {
  return metadata?.deletionTimestamp === undefined && status?.phase !== 'Succeeded' && status?.phase !== 'Failed';
}

/** How many findings there are about the configuration. Pure. */
export function configurationLines(findings: readonly Finding[], gaps: readonly string[]): Line[] {
  const of = (level: Finding['level']): number => findings.filter((finding) => finding.level === level).length;
  const counted = `${of('error')} errors, ${of('warning')} warnings, ${of('info')} infos in the configuration`;
  const line =
    of('error') + of('warning') === 0 ? ok(counted) : warning(counted, 'weft analyze -A says which, and what to do');
  return [line, ...gaps.map((gap) => warning(gap, 'ask an administrator for the right to read it'))];
}

import type { V1CustomResourceDefinition, V1Namespace, V1Node } from '@kubernetes/client-node';
import { error, type Line, ok, some, warning } from './report.js';

/** Older ones do not know the CEL conditions of our webhooks. */
const OLDEST = [1, 28] as const;
const NATIVE_SIDECARS = [1, 29] as const;

/** The cluster's version and its kubelets'. Pure. */
export function versionLines(server: string, nodes: readonly V1Node[]): Line[] {
  const lines = [
    isBefore(server, OLDEST)
      ? error(`Kubernetes ${server} is too old`, `webhooks with matchConditions need ${OLDEST.join('.')} or later`)
      : ok(`Kubernetes ${server}`),
  ];
  const old = nodes.filter(({ status }) => isBefore(status?.nodeInfo?.kubeletVersion ?? '', NATIVE_SIDECARS));
  const names = old.map(({ metadata }) => metadata?.name ?? '');
  if (nodes.length > 0 && old.length === 0) lines.push(ok('every kubelet runs native sidecars'));
  else if (old.length > 0 && old.length === nodes.length)
    lines.push(ok('no kubelet runs native sidecars: the proxy is the first container, and others wait for it'));
  else if (old.length > 0)
    lines.push(
      warning(
        `only some kubelets run native sidecars; not those of ${some(names)}`,
        'upgrade these nodes, or install with --set injection.nativeSidecars=false',
      ),
    );
  return lines;
}

function isBefore(version: string, [major, minor]: readonly [number, number]): boolean {
  const [, first = '', second = ''] = /^v?(\d+)\.(\d+)/.exec(version) ?? [];
  if (first === '') return false;
  return Number(first) < major || (Number(first) === major && Number(second) < minor);
}

const ENFORCE = 'pod-security.kubernetes.io/enforce';

/** Namespaces that ask for sidecars, and what is in the way. Pure. */
export function namespaceLines(namespaces: readonly V1Namespace[]): Line[] {
  const asked = namespaces.filter(asksForInjection);
  const lines: Line[] = [];
  for (const { metadata } of asked) {
    const { name = '', labels = {} } = metadata ?? {};
    const level = labels[ENFORCE];
    if (level === 'baseline' || level === 'restricted')
      lines.push(
        error(
          `namespace ${name}: ${ENFORCE}=${level} forbids NET_ADMIN and NET_RAW, which istio-init needs: its pods cannot be created`,
          `kubectl label namespace ${name} ${ENFORCE}=privileged --overwrite, or annotate pods with sidecar.istio.io/interceptionMode=NONE`,
        ),
      );
  }
  for (const { metadata } of namespaces) {
    const { name = '', labels = {}, annotations = {} } = metadata ?? {};
    const linkerd = labels['linkerd.io/inject'] ?? annotations['linkerd.io/inject'];
    if (linkerd === 'enabled' && labels['istio-injection'] === undefined && labels['istio.io/rev'] === undefined)
      lines.push(
        warning(
          `namespace ${name} has linkerd.io/inject=enabled, which Weft obeys on pods only`,
          `kubectl label namespace ${name} istio-injection=enabled`,
        ),
      );
  }
  const names = asked.map(({ metadata }) => metadata?.name ?? '');
  lines.push(
    asked.length === 0
      ? ok('no namespace asks for sidecars yet: kubectl label namespace NAME istio-injection=enabled')
      : ok(`namespaces that ask for sidecars: ${some(names)}`),
  );
  return lines;
}

export function asksForInjection({ metadata }: V1Namespace): boolean {
  const labels = metadata?.labels ?? {};
  const { 'istio-injection': injection, 'istio.io/rev': revision } = labels;
  return injection === 'enabled' || (injection === undefined && revision !== undefined);
}

/** A definition as `weft install` brings it. */
export interface Wanted {
  readonly name: string;
  readonly versions: readonly string[];
}

/** Which of Istio's definitions are there already, whose they are, and whether they will do. Pure. */
export function definitionLines(
  wanted: readonly Wanted[],
  present: readonly V1CustomResourceDefinition[],
  installed: boolean,
): Line[] {
  const byName = new Map(present.map((definition) => [definition.metadata?.name ?? '', definition]));
  const there = wanted.filter(({ name }) => byName.has(name));
  const missing = wanted.filter(({ name }) => !byName.has(name)).map(({ name }) => name);
  if (there.length === 0 && !installed) return [ok(`none of Istio's API is defined: weft install brings it`)];
  const lines: Line[] = [];
  for (const { name, versions } of there) {
    const served = (byName.get(name)?.spec.versions ?? []).filter((version) => version.served).map((one) => one.name);
    const unserved = versions.filter((version) => !served.includes(version));
    if (unserved.length === versions.length)
      lines.push(
        error(`${name} serves only ${served.join(', ')}`, `Weft reads ${versions.join(', ')}: apply deploy/crds`),
      );
    else if (unserved.length > 0)
      lines.push(
        warning(
          `${name} does not serve ${unserved.join(', ')}`,
          'objects of these versions are refused: apply deploy/crds',
        ),
      );
  }
  const owners = new Map<string, number>();
  for (const { name } of there) {
    const owner = ownerOf(byName.get(name));
    owners.set(owner, (owners.get(owner) ?? 0) + 1);
  }
  for (const [owner, number] of owners) lines.push(ok(`${number} definitions of Istio's API, from ${owner}`));
  if (missing.length > 0 && installed)
    lines.push(
      error(`not defined: ${some(missing)}`, 'weft install without --skip-crds, or kubectl apply -f deploy/crds'),
    );
  else if (missing.length > 0) lines.push(ok(`weft install brings what is missing: ${some(missing)}`));
  const foreign = [...owners.keys()].filter((owner) => owner !== 'Weft');
  if (foreign.length > 0 && !installed && missing.length === 0)
    lines.push(ok('weft install --skip-crds leaves them as they are'));
  return lines;
}

function ownerOf(definition: V1CustomResourceDefinition | undefined): string {
  const { labels = {}, annotations = {} } = definition?.metadata ?? {};
  const release = annotations['meta.helm.sh/release-name'];
  if (release !== undefined) return `Helm release ${annotations['meta.helm.sh/release-namespace'] ?? ''}/${release}`;
  if (labels['app.kubernetes.io/part-of'] === 'weft') return 'Weft';
  if (labels['app'] === 'istio-pilot' || labels['app.kubernetes.io/part-of'] === 'istio') return 'Istio';
  return 'somebody else';
}

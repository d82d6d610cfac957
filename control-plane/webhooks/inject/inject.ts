import type { V1Container, V1EnvVar, V1Pod } from '@kubernetes/client-node';
import { readYaml } from '../../api/read-yaml.js';
import { isMapping } from '../../api/schema/schema.js';
import { annotationFaults, annotationsWithoutEffect } from './annotations.js';
import { rewriteAppProbes } from './app-probes.js';
import { INIT, type InjectionConfig, SIDECAR } from './config.js';
import { isInjected } from './decide.js';
import { gatewayOverlay } from './gateway.js';
import { applyOverlay, type Overlay, type Overrides, overridesOf } from './overlay.js';
import { ownerOf } from './owner.js';
import { mergeMetrics } from './prometheus.js';
import { type SidecarSettings, settingsOf } from './settings.js';
import { sidecarOverlay } from './sidecar.js';

export const STATUS = 'sidecar.istio.io/status';
const OVERRIDES = 'proxy.istio.io/overrides';
const TEMPLATES = 'inject.istio.io/templates';

export type Injection =
  | { readonly kind: 'injected'; readonly pod: V1Pod; readonly warnings: readonly string[] }
  /** The sidecar is there already: a second pass changes nothing. */
  | { readonly kind: 'unchanged' }
  /** What the pod asks for cannot be done; it must not start without it. */
  | { readonly kind: 'refused'; readonly faults: readonly string[] };

const OVERLAYS: Readonly<Record<string, typeof sidecarOverlay>> = { sidecar: sidecarOverlay, gateway: gatewayOverlay };

/** A pod with its sidecar (or made a gateway). Whether it is to have one has been decided before. */
export function inject(pod: V1Pod, namespace: string, config: InjectionConfig): Injection {
  if (isInjected(pod)) return { kind: 'unchanged' };
  const annotations = pod.metadata?.annotations ?? {};
  const template = annotations[TEMPLATES] ?? 'sidecar';
  const overlayOf = Object.hasOwn(OVERLAYS, template) ? OVERLAYS[template] : undefined;
  const faults = [...annotationFaults(annotations)];
  if (overlayOf === undefined) {
    faults.push(`metadata.annotations["${TEMPLATES}"] must be sidecar or gateway, got "${template}"`);
  }
  if (faults.length > 0 || overlayOf === undefined) return { kind: 'refused', faults };
  const settings = settingsOf(pod, config);
  const overlay = overlayOf(pod, namespace, settings, config);
  const overrides = earlierOverrides(annotations) ?? overridesOf(pod, overlay);
  const merged = applyOverlay(pod, withProxyUser(overlay, overrides, settings), overrides);
  const finished = [withAppMetrics, withAppProbes].reduce((at, step) => step(at, settings), merged);
  return {
    kind: 'injected',
    pod: ordered(withStatus(finished, overlay, overrides, config), settings),
    warnings: [...warningsOf(pod, settings, template), ...asProxyUser(pod, settings, config.proxyUid)],
  };
}

/** What an earlier pass kept of a user's containers, when somebody creates a pod from an injected one. */
function earlierOverrides(annotations: Readonly<Record<string, string>>): Overrides | undefined {
  const written = readYaml(annotations[OVERRIDES] ?? '');
  if (!isMapping(written)) return undefined;
  const read = (list: unknown): V1Container[] =>
    Array.isArray(list) ? list.filter((entry): entry is V1Container => isMapping(entry)) : [];
  return { containers: read(written['containers']), initContainers: read(written['initContainers']) };
}

/** A user's `runAsUser` for the sidecar is the user whose own connections must not be captured. */
function withProxyUser(overlay: Overlay, overrides: Overrides, settings: SidecarSettings): Overlay {
  const own = [...overrides.containers, ...overrides.initContainers].find(({ name }) => name === SIDECAR);
  const user = own?.securityContext?.runAsUser;
  if (user === undefined || user === 0 || settings.interception === 'TPROXY') return overlay;
  const changed = (container: V1Container): V1Container => {
    const { args = [] } = container;
    const at = args.indexOf('-u');
    return container.name === INIT && at >= 0 ? { ...container, args: args.with(at + 1, String(user)) } : container;
  };
  return { ...overlay, initContainers: overlay.initContainers.map(changed) };
}

function withAppMetrics(pod: V1Pod, settings: SidecarSettings): V1Pod {
  if (!settings.mergeMetrics || settings.statusPort === 0) return pod;
  const merged = mergeMetrics(pod, settings.statusPort);
  if (merged === undefined) return pod;
  const annotated = { ...pod, metadata: { ...pod.metadata, annotations: { ...merged.annotations } } };
  if (merged.scrape === undefined) return annotated;
  return withEnvironment(annotated, { name: 'ISTIO_PROMETHEUS_ANNOTATIONS', value: JSON.stringify(merged.scrape) });
}

function withAppProbes(pod: V1Pod, settings: SidecarSettings): V1Pod {
  if (!settings.rewriteAppProbes || settings.statusPort === 0) return pod;
  const { pod: rewritten, probers } = rewriteAppProbes(pod, settings.statusPort);
  if (Object.keys(probers).length === 0) return rewritten;
  return withEnvironment(rewritten, { name: 'ISTIO_KUBE_APP_PROBERS', value: JSON.stringify(probers) });
}

function withEnvironment(pod: V1Pod, variable: V1EnvVar): V1Pod {
  const spec = pod.spec ?? { containers: [] };
  const changed = (container: V1Container): V1Container =>
    container.name === SIDECAR ? { ...container, env: [...(container.env ?? []), variable] } : container;
  return {
    ...pod,
    spec: {
      ...spec,
      containers: spec.containers.map(changed),
      ...(spec.initContainers === undefined ? {} : { initContainers: spec.initContainers.map(changed) }),
    },
  };
}

/** What was added, for tools and for the next pass. */
function withStatus(pod: V1Pod, overlay: Overlay, overrides: Overrides, config: InjectionConfig): V1Pod {
  const names = (list: readonly { readonly name?: string }[]): string[] => list.map(({ name }) => name ?? '');
  const status = {
    initContainers: names(overlay.initContainers),
    containers: names(overlay.containers),
    volumes: names(overlay.volumes),
    imagePullSecrets: names(overlay.imagePullSecrets),
    revision: config.revision,
  };
  const kept = overrides.containers.length + overrides.initContainers.length > 0;
  const annotations = {
    ...pod.metadata?.annotations,
    [STATUS]: JSON.stringify(status),
    ...(kept ? { [OVERRIDES]: JSON.stringify(overrides) } : {}),
  };
  return { ...pod, metadata: { ...pod.metadata, annotations } };
}

/**
 * A native sidecar runs before the pod's own init containers, so that these are in the mesh; capture comes right before
 * it. Otherwise capture comes last, when init containers need the network no more, and the sidecar starts first.
 */
function ordered(pod: V1Pod, { native, hold }: SidecarSettings): V1Pod {
  const spec = pod.spec ?? { containers: [] };
  const { containers, initContainers = [] } = spec;
  const rank = native ? [INIT, SIDECAR] : [];
  const first = rank.flatMap((name) => initContainers.filter((container) => container.name === name));
  const others = initContainers.filter(({ name }) => !rank.includes(name) && name !== INIT);
  const last = native ? [] : initContainers.filter(({ name }) => name === INIT);
  const sidecar = containers.filter(({ name }) => name === SIDECAR);
  const applications = containers.filter(({ name }) => name !== SIDECAR);
  return {
    ...pod,
    spec: {
      ...spec,
      ...(initContainers.length === 0 ? {} : { initContainers: [...first, ...others, ...last] }),
      containers: hold ? [...sidecar, ...applications] : [...applications, ...sidecar],
    },
  };
}

function warningsOf(pod: V1Pod, settings: SidecarSettings, template: string): readonly string[] {
  const warnings = [...annotationsWithoutEffect(pod.metadata?.annotations ?? {})];
  const { kind } = ownerOf(pod);
  if (template === 'sidecar' && !settings.native && (kind === 'Job' || kind === 'CronJob')) {
    warnings.push(
      'without native sidecars this Job completes only when it ends its sidecar: POST http://localhost:15020/quitquitquit',
    );
  }
  if (pod.spec?.dnsPolicy === 'Default') {
    warnings.push('dnsPolicy is Default: the sidecar may not find the control plane by its name');
  }
  return warnings;
}

/** What runs as the sidecar's user is taken for the sidecar: capture leaves its connections alone. */
function asProxyUser({ spec }: V1Pod, { interception }: SidecarSettings, proxyUid: number): string[] {
  if (interception === 'NONE') return [];
  return [...(spec?.initContainers ?? []), ...(spec?.containers ?? [])]
    .filter(({ name }) => name !== SIDECAR && name !== INIT)
    .filter(({ securityContext }) => (securityContext?.runAsUser ?? spec?.securityContext?.runAsUser) === proxyUid)
    .map(
      ({ name }) =>
        `container ${name} runs as user ${proxyUid}, which is the sidecar's: its connections bypass the mesh [IST0144]`,
    );
}

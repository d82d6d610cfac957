import type {
  V1Container,
  V1LocalObjectReference,
  V1Pod,
  V1PodSpec,
  V1Sysctl,
  V1Volume,
} from '@kubernetes/client-node';
import { mergeContainer, mergeNamed } from './merge.js';

/** What injection adds to a pod. */
export interface Overlay {
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly initContainers: readonly V1Container[];
  readonly containers: readonly V1Container[];
  readonly volumes: readonly V1Volume[];
  readonly imagePullSecrets: readonly V1LocalObjectReference[];
  readonly sysctls?: readonly V1Sysctl[];
}

/** Containers that a user wrote with the name of an injected one: what stands in them wins. */
export interface Overrides {
  readonly containers: readonly V1Container[];
  readonly initContainers: readonly V1Container[];
}

/** The user's containers among those that are to be injected, without the image where it is `auto`. */
export function overridesOf(pod: V1Pod, overlay: Overlay): Overrides {
  const own = [...(pod.spec?.containers ?? []), ...(pod.spec?.initContainers ?? [])];
  const among = (injected: readonly V1Container[]): V1Container[] =>
    injected.flatMap(({ name }) => own.filter((container) => container.name === name).map(withoutAutoImage));
  return { containers: among(overlay.containers), initContainers: among(overlay.initContainers) };
}

/** With `auto`, Kubernetes had no tag to see and made its pull policy Always, which nobody wrote. */
function withoutAutoImage(container: V1Container): V1Container {
  const { image, imagePullPolicy, ...rest } = container;
  if (image !== 'auto' && image !== undefined) return container;
  return imagePullPolicy === undefined || imagePullPolicy === 'Always' ? rest : { ...rest, imagePullPolicy };
}

/** The pod with an overlay on it, containers with their overrides; the order of containers is not settled yet. */
export function applyOverlay(pod: V1Pod, overlay: Overlay, overrides: Overrides): V1Pod {
  const spec = pod.spec ?? { containers: [] };
  const injected = [...overlay.initContainers, ...overlay.containers].map(({ name }) => name);
  const kept = (containers: readonly V1Container[] = []): V1Container[] =>
    containers.filter(({ name }) => !injected.includes(name));
  const finished = (containers: readonly V1Container[], changes: readonly V1Container[]): V1Container[] =>
    containers.map((container) => {
      const change = changes.find(({ name }) => name === container.name);
      return change === undefined ? container : mergeContainer(container, change);
    });
  const initContainers = [...kept(spec.initContainers), ...finished(overlay.initContainers, overrides.initContainers)];
  return {
    ...pod,
    metadata: {
      ...pod.metadata,
      labels: { ...pod.metadata?.labels, ...overlay.labels },
      annotations: { ...pod.metadata?.annotations, ...overlay.annotations },
    },
    spec: {
      ...spec,
      ...(initContainers.length === 0 ? {} : { initContainers }),
      containers: [...kept(spec.containers), ...finished(overlay.containers, overrides.containers)],
      volumes: mergeNamed(spec.volumes ?? [], overlay.volumes, 'name'),
      ...pullSecrets(spec, overlay),
      ...podSecurity(spec, overlay),
    },
  };
}

function pullSecrets(spec: V1PodSpec, { imagePullSecrets }: Overlay): Pick<V1PodSpec, 'imagePullSecrets'> {
  if (imagePullSecrets.length === 0) return {};
  return { imagePullSecrets: mergeNamed(spec.imagePullSecrets ?? [], imagePullSecrets, 'name') };
}

function podSecurity(spec: V1PodSpec, { sysctls = [] }: Overlay): Pick<V1PodSpec, 'securityContext'> {
  if (sysctls.length === 0) return {};
  const { securityContext } = spec;
  return {
    securityContext: { ...securityContext, sysctls: mergeNamed(sysctls, securityContext?.sysctls ?? [], 'name') },
  };
}

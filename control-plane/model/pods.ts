import type { NodeSpec, PodSpec } from '../api/kinds/core.js';
import type { ConfigObject } from '../api/object.js';
import type { Sidecar } from './allotment.js';
import { ownProxyConfig } from './proxy-config.js';
import type { Workload } from './service.js';

type Pod = ConfigObject<PodSpec>;
type Node = ConfigObject<NodeSpec>;
type Labels = Readonly<Record<string, string>>;

const HOSTNAME_LABEL = 'kubernetes.io/hostname';
/** A locality that its owner has written on the pod, with dots, since labels take no slashes. */
const LOCALITY_LABEL = 'istio-locality';

interface Made {
  readonly node: Node | undefined;
  readonly sidecar: Sidecar | undefined;
  readonly workload: Workload;
}

/** Objects do not change, so what was made of one stays true for as long as the others stay, too. */
const made = new WeakMap<Pod, Made>();

/** A pod that is somewhere; undefined before it has an address, and after it has ended. */
export function podWorkload(pod: Pod, node: Node | undefined, sidecar: Sidecar | undefined): Workload | undefined {
  const { podIP, phase } = pod.spec;
  if (podIP === undefined || podIP === '' || phase === 'Succeeded' || phase === 'Failed') return undefined;
  const known = made.get(pod);
  if (known !== undefined && known.node === node && known.sidecar === sidecar) return known.workload;
  const workload = workloadOf(pod, podIP, node, sidecar);
  made.set(pod, { node, sidecar, workload });
  return workload;
}

function workloadOf(pod: Pod, podIP: string, node: Node | undefined, sidecar: Sidecar | undefined): Workload {
  const { metadata, spec } = pod;
  const ports = (spec.containers ?? []).flatMap((container) => container.ports ?? []);
  const network = metadata.labels['topology.istio.io/network'];
  const hostname = node?.metadata.labels[HOSTNAME_LABEL] ?? spec.nodeName;
  return {
    namespace: metadata.namespace,
    name: metadata.name,
    workloadName: workloadName(pod),
    address: podIP,
    ports: new Map(ports.map((port) => [port.name ?? `port-${port.containerPort}`, port.containerPort])),
    labels: hostname === undefined ? metadata.labels : { [HOSTNAME_LABEL]: hostname, ...metadata.labels },
    serviceAccount: spec.serviceAccountName || 'default',
    ...(network !== undefined && { network }),
    locality: metadata.labels[LOCALITY_LABEL]?.replaceAll('.', '/') ?? nodeLocality(node),
    weight: 1,
    // What leaves and enters by the node's own addresses is not captured.
    sidecar: spec.hostNetwork === true ? undefined : sidecar,
    named: true,
    ...ownProxyConfig(metadata.annotations),
    pod: {
      addresses: [...new Set([podIP, ...(spec.podIPs ?? []).map(({ ip }) => ip)])],
      ready: spec.ready !== false && spec.terminating !== true,
      hostNetwork: spec.hostNetwork === true,
      hostname: spec.hostname,
      subdomain: spec.subdomain,
    },
  };
}

/** `region/zone/subzone` by the labels of a node; empty when it has none. */
export function nodeLocality(node: Node | undefined): string {
  const labels: Labels = node?.metadata.labels ?? {};
  const region = labels['topology.kubernetes.io/region'] ?? labels['failure-domain.beta.kubernetes.io/region'] ?? '';
  const zone = labels['topology.kubernetes.io/zone'] ?? labels['failure-domain.beta.kubernetes.io/zone'] ?? '';
  const subzone = labels['topology.istio.io/subzone'] ?? '';
  return `${region}/${zone}/${subzone}`.replace(/\/+$/, '');
}

/** What a user would call the workload: what he has made, not what controllers have made of it. */
function workloadName({ metadata, spec: { owner } }: Pod): string {
  if (owner === undefined || owner.kind === 'Node') return metadata.name;
  if (owner.kind === 'ReplicaSet') {
    const hash = metadata.labels['pod-template-hash'] ?? metadata.labels['rollouts-pod-template-hash'];
    return hash !== undefined && owner.name.endsWith(`-${hash}`) ? owner.name.slice(0, -hash.length - 1) : owner.name;
  }
  // A CronJob names its Jobs after the minute for which they are.
  if (owner.kind === 'Job') return owner.name.replace(/-\d{8,10}$/, '') || owner.name;
  return owner.name;
}

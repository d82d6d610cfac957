import type { IstioEgressListener, IstioIngressListener, SidecarSpec } from '../api/kinds/sidecar.js';
import { selectorMatches } from '../api/labels.js';
import type { ConfigObject } from '../api/object.js';
import type { Client } from './destination-rules.js';
import { hostCovers } from './hosts.js';
import { byAge, objectName } from './order.js';

/** The Sidecar object that is in force for a workload. */
export interface SidecarRule {
  readonly namespace: string;
  /** `Sidecar default/frontend`. */
  readonly object: string;
  readonly spec: SidecarSpec;
}

/** Finds the Sidecar of a workload: one that selects it, else its namespace's, else the root namespace's; the oldest of several. */
export class Sidecars {
  readonly #objects: readonly ConfigObject<SidecarSpec>[];
  readonly #rootNamespace: string;

  constructor(objects: readonly ConfigObject<SidecarSpec>[], rootNamespace: string) {
    this.#objects = [...objects].sort(byAge);
    this.#rootNamespace = rootNamespace;
  }

  find({ namespace, labels }: Client): SidecarRule | undefined {
    const own = this.#objects.filter(({ metadata }) => metadata.namespace === namespace);
    const found =
      own.find(({ spec }) => selects(spec) && selectorMatches(spec.workloadSelector?.labels ?? {}, labels)) ??
      own.find(({ spec }) => !selects(spec)) ??
      this.#objects.find(({ metadata, spec }) => metadata.namespace === this.#rootNamespace && !selects(spec));
    if (found === undefined) return undefined;
    return { namespace: found.metadata.namespace, object: objectName(found), spec: found.spec };
  }
}

function selects({ workloadSelector }: SidecarSpec): boolean {
  return Object.keys(workloadSelector?.labels ?? {}).length > 0;
}

/** Whether an egress listener (`namespace/dnsName`) names a service. `.` and `*` are seen from the client's namespace. */
export function egressNames(
  { hosts }: Pick<IstioEgressListener, 'hosts'>,
  service: { readonly host: string; readonly namespace: string },
  clientNamespace: string,
): boolean {
  return hosts.some((entry) => {
    const host = hostWithin(entry, service.namespace, clientNamespace);
    return host !== undefined && hostCovers(host, service.host);
  });
}

/** Whether an egress listener brings a VirtualService with it: one of its namespace, for a host that it may name. */
export function importsRoutes(
  { hosts }: Pick<IstioEgressListener, 'hosts'>,
  vs: { readonly hosts: readonly string[]; readonly namespace: string },
  clientNamespace: string,
): boolean {
  return hosts.some((entry) => {
    const host = hostWithin(entry, vs.namespace, clientNamespace);
    return host !== undefined && vs.hosts.some((own) => hostCovers(host, own) || hostCovers(own, host));
  });
}

/** The host part of `namespace/host`, where it speaks of the namespace. */
function hostWithin(entry: string, namespace: string, clientNamespace: string): string | undefined {
  const slash = entry.indexOf('/');
  const written = entry.slice(0, slash);
  const wanted = written === '.' ? clientNamespace : written;
  return wanted === '*' || wanted === namespace ? entry.slice(slash + 1) : undefined;
}

/** The ingress listener for an application port. */
export function ingressAt(rule: SidecarRule | undefined, port: number): IstioIngressListener | undefined {
  return rule?.spec.ingress?.find((listener) => listener.port.number === port);
}

import type { LabelsSelector } from './shared.js';
import type { WorkloadEntrySpec } from './workload-entry.js';

/** networking.istio.io ServiceEntry: a service by its hosts, and where it runs. */
export interface ServiceEntrySpec {
  readonly hosts: readonly string[];
  readonly addresses?: readonly string[];
  readonly ports?: readonly ServicePort[];
  /** Unset means MESH_EXTERNAL. */
  readonly location?: 'MESH_EXTERNAL' | 'MESH_INTERNAL';
  /** Unset means NONE. */
  readonly resolution?: 'NONE' | 'STATIC' | 'DNS' | 'DNS_ROUND_ROBIN' | 'DYNAMIC_DNS';
  /** At most one of endpoints and workloadSelector. */
  readonly endpoints?: readonly WorkloadEntrySpec[];
  readonly workloadSelector?: LabelsSelector;
  readonly exportTo?: readonly string[];
  readonly subjectAltNames?: readonly string[];
}

export interface ServicePort {
  readonly number: number;
  /** HTTP, HTTPS, GRPC, HTTP2, MONGO, TCP, TLS; any case. */
  readonly protocol?: string;
  readonly name: string;
  /** Unset means `number`. */
  readonly targetPort?: number;
}

import type { AuthorizationPolicies } from './authorization.js';
import type { Shape } from './continuity.js';
import type { Credential } from './credentials.js';
import type { DestinationRules } from './destination-rules.js';
import type { EnvoyFilters } from './envoy-filters.js';
import type { Gateways } from './gateways.js';
import type { JwksState } from './jwks.js';
import type { MeshSettings } from './mesh-settings.js';
import type { Networks } from './networks.js';
import type { PeerAuthentications } from './peer-authentication.js';
import type { RequestAuthentications } from './request-authentication.js';
import type { Endpoint, Service, Workload } from './service.js';
import type { Sidecars } from './sidecars.js';
import type { Telemetries } from './telemetry.js';
import type { TrafficSplits } from './traffic-split.js';
import type { VirtualServices } from './virtual-services.js';

/** The whole mesh at one moment: everything that translation needs, nothing of where it came from. Immutable. */
export interface MeshSnapshot {
  /** The same object as in the snapshot before when nothing but endpoints has changed. */
  readonly shape: Shape;
  readonly settings: MeshSettings;
  /** In a stable order: by host, then namespace. */
  readonly services: readonly Service[];
  /** By `namespace/name`; endpoints written out in a ServiceEntry are not here. */
  readonly workloads: ReadonlyMap<string, Workload>;
  /** What a workload serves, by the same key. */
  readonly servicesOf: ReadonlyMap<string, readonly ServedService[]>;
  readonly virtualServices: VirtualServices;
  readonly networks: Networks;
  readonly gateways: Gateways;
  readonly destinationRules: DestinationRules;
  readonly trafficSplits: TrafficSplits;
  readonly sidecars: Sidecars;
  readonly peerAuthentications: PeerAuthentications;
  readonly authorizationPolicies: AuthorizationPolicies;
  readonly requestAuthentications: RequestAuthentications;
  /** Keys of issuers that we fetch. */
  readonly jwks: JwksState;
  readonly envoyFilters: EnvoyFilters;
  readonly telemetries: Telemetries;
  /** What Secrets hold for TLS, by `namespace/name`. */
  readonly credentials: ReadonlyMap<string, Credential>;
  /** Whom clients call without mTLS although it takes it; nobody when undefined. */
  readonly inPlaintext?: (workload: Workload) => boolean;
}

/** A service, and the endpoint of it that a workload is. */
export interface ServedService {
  readonly service: Service;
  readonly endpoint: Endpoint;
}

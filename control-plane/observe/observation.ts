import type { Clock, Random } from '../../common/runtime/clock.js';
import type { Logger } from '../../common/runtime/log.js';
import type { ClientGuard } from '../ca/client-guard.js';
import type { TokenVerifier } from '../ca/tokens.js';
import type { Mesh } from '../mesh.js';
import type { MeshSnapshot } from '../model/snapshot.js';
import type { AdsServer } from '../xds/server.js';
import { EdgeStore } from './edge-store.js';
import { JoinedView, type Peers } from './joined-view.js';
import { LocalView } from './local-view.js';
import { ObservationServer } from './observation-server.js';
import { PrometheusHistory } from './prometheus.js';
import type { MeshView } from './view.js';

/** What one control plane hears from its sidecars, and what can be asked of it. */
export interface Observation {
  readonly server: ObservationServer;
  readonly view: MeshView;
  /** What this replica alone knows. */
  readonly local: LocalView;
}

/** What may differ from hearing the own sidecars only. */
export interface ObservationSources {
  /** Other replicas of this control plane. */
  readonly peers?: Peers;
  /** URL of a Prometheus that numbers come from instead. */
  readonly prometheus?: string;
}

export interface ObservationParts {
  readonly mesh: Pick<Mesh, 'snapshot' | 'configuration' | 'findings'>;
  readonly ads: Pick<AdsServer, 'proxies'>;
  readonly verifier: TokenVerifier;
  readonly guard: ClientGuard;
  readonly clock: Clock;
  readonly random?: Random;
  readonly log: Logger;
  readonly sources?: ObservationSources | undefined;
}

/** What a configuration says about where numbers come from. */
export function sourcesOf({ prometheus }: { readonly prometheus?: string }): ObservationSources {
  return prometheus === undefined ? {} : { prometheus };
}

export function wireObservation(parts: ObservationParts): Observation {
  const { mesh, ads } = parts;
  const snapshot = (): MeshSnapshot | undefined => mesh.snapshot;
  const store = new EdgeStore(
    parts.clock,
    () => snapshot()?.workloads.size ?? 0,
    () => server.lagMs,
  );
  const server: ObservationServer = new ObservationServer({ ...parts, snapshot, store });
  const { peers, prometheus } = parts.sources ?? {};
  const others = { mesh, ads, observation: server };
  const local = new LocalView(store, others);
  const elsewhere = prometheus === undefined ? undefined : new PrometheusHistory(prometheus, parts.clock);
  if (peers !== undefined) return { server, local, view: new JoinedView(local, peers, elsewhere) };
  return { server, local, view: elsewhere === undefined ? local : new LocalView(elsewhere, others) };
}

import type { Clock, Random } from '../../common/runtime/clock.js';
import type { Logger } from '../../common/runtime/log.js';
import type { ClientGuard } from '../ca/client-guard.js';
import type { TokenVerifier } from '../ca/tokens.js';
import type { Mesh } from '../mesh.js';
import type { MeshSnapshot } from '../model/snapshot.js';
import type { AdsServer } from '../xds/server.js';
import { EdgeStore } from './edge-store.js';
import { LocalView } from './local-view.js';
import { ObservationServer } from './observation-server.js';
import type { MeshView } from './view.js';

/** What one control plane hears from its sidecars, and what can be asked of it. */
export interface Observation {
  readonly server: ObservationServer;
  readonly view: MeshView;
}

export interface ObservationParts {
  readonly mesh: Pick<Mesh, 'snapshot' | 'configuration' | 'findings'>;
  readonly ads: Pick<AdsServer, 'proxies'>;
  readonly verifier: TokenVerifier;
  readonly guard: ClientGuard;
  readonly clock: Clock;
  readonly random?: Random;
  readonly log: Logger;
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
  return { server, view: new LocalView(store, { mesh, ads, observation: server }) };
}

import type { Clock } from '../../common/runtime/clock.js';
import type { Logger } from '../../common/runtime/log.js';
import type { ExternalSigner } from './external-signer.js';
import type { Issuer } from './issuer.js';
import { type CaReport, caReport } from './report.js';
import type { RootPair, Rotation } from './root-state.js';
import { RootRotation, type RootStore } from './rotation.js';
import { RequestDesk } from './rotation-requests.js';
import { type Laggards, type ProxyTrust, TrustView } from './trust-view.js';

export interface RotationConfig {
  /** A root that is older than this is replaced; undefined leaves that to people. */
  readonly everySeconds?: number;
  /** Proxies that lost their connection have this long to come back before a step is taken without them. */
  readonly settleSeconds: number;
}

/** Longer than a sidecar waits between two attempts to connect (30 s). */
export const DEFAULT_SETTLE_SECONDS = 40;

export interface RootPartsOptions {
  readonly store: RootStore;
  readonly issuer: () => Issuer | undefined;
  readonly external?: ExternalSigner | undefined;
  readonly proxies: () => readonly ProxyTrust[];
  readonly makeRoot: () => Promise<RootPair>;
  readonly config: RotationConfig;
  readonly certTtlSeconds: number;
  /** What the other replicas say; none where there is one control plane. Rejects when one does not answer. */
  readonly others?: (rotation: Rotation, issuer: string) => Promise<readonly Laggards[]>;
  readonly clock: Clock;
  readonly log: Logger;
}

/** The rotation of a root with all that it looks at, the same on a machine and in a cluster. */
export class RootParts {
  readonly view: TrustView;
  readonly rotation: RootRotation;
  readonly desk: RequestDesk;
  private seen: Laggards | undefined;

  constructor(private readonly options: RootPartsOptions) {
    const { store, external, proxies, makeRoot, config, certTtlSeconds, clock, log } = options;
    this.view = new TrustView({
      proxies,
      settleMs: config.settleSeconds * 1000,
      silentMs: certTtlSeconds * 1000,
      clock,
    });
    this.rotation = new RootRotation({
      store,
      laggards: (rotation, issuer) => this.laggards(rotation, issuer),
      makeRoot,
      ...(external !== undefined && { external: external.name }),
      ...(config.everySeconds !== undefined && { everyMs: config.everySeconds * 1000 }),
      clock,
      log,
    });
    this.desk = new RequestDesk(this.rotation, log);
  }

  /** Undefined before there is an authority. */
  report(): CaReport | undefined {
    const { store, issuer, external, proxies } = this.options;
    const authority = issuer()?.authority;
    if (authority === undefined) return undefined;
    return caReport({
      authority,
      external,
      state: store.read(),
      proxies: proxies(),
      laggards: this.seen,
      problem: this.rotation.problem,
      lastRequest: this.desk.last,
    });
  }

  private async laggards(rotation: Rotation, issuer: string): Promise<Laggards> {
    const own = this.view.laggards(rotation, issuer);
    const all = [own, ...((await this.options.others?.(rotation, issuer)) ?? [])];
    this.seen = {
      settled: all.every(({ settled }) => settled),
      waitingFor: all.flatMap(({ waitingFor }) => waitingFor),
    };
    return this.seen;
  }
}

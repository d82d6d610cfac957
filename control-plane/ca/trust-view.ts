import type { Clock } from '../../common/runtime/clock.js';
import type { Rotation } from './root-state.js';

/** What a connected proxy has said about whom it trusts, and who has signed its certificate. */
export interface ProxyTrust {
  readonly id: string;
  /** Whether it asks for trust bundles at all. */
  readonly tells: boolean;
  /** It has accepted the newest bundle. */
  readonly current: boolean;
  /** Why it did not accept it; empty when it did not say. */
  readonly refusal: string;
  /** SHA-256 of the certificate that signed its own. */
  readonly issuer: string | undefined;
}

export interface Laggard {
  readonly proxy: string;
  readonly reason: string;
}

export interface Laggards {
  /** False where proxies that were connected before this process began may not have come back yet. */
  readonly settled: boolean;
  readonly waitingFor: readonly Laggard[];
}

export interface TrustViewOptions {
  readonly proxies: () => readonly ProxyTrust[];
  /** Proxies that lost their connection have this long to come back. */
  readonly settleMs: number;
  /** A proxy that tells nothing has renewed its certificate, and got the roots with it, after this time. */
  readonly silentMs: number;
  readonly clock: Clock;
}

/** Which proxies of this replica are not ready for the next step of a rotation. */
export class TrustView {
  private readonly startedAt: number;
  private readonly gone = new Map<string, number>();

  constructor(private readonly options: TrustViewOptions) {
    this.startedAt = options.clock.monotonic();
  }

  /** A proxy has lost its connection: it may still be there, and must not be forgotten at once. */
  disconnected(id: string): void {
    this.gone.set(id, this.options.clock.monotonic());
  }

  laggards(rotation: Pick<Rotation, 'step' | 'stepSince'>, issuer: string): Laggards {
    const { proxies, settleMs, clock } = this.options;
    const now = clock.monotonic();
    const connected = proxies();
    for (const { id } of connected) this.gone.delete(id);
    for (const [id, at] of this.gone) if (now - at >= settleMs) this.gone.delete(id);
    const behind = connected.flatMap((proxy) => {
      const reason = this.reasonOf(proxy, rotation, issuer);
      return reason === undefined ? [] : [{ proxy: proxy.id, reason }];
    });
    const away = [...this.gone.keys()].map((proxy) => ({ proxy, reason: 'has just lost its connection' }));
    return { settled: now - this.startedAt >= settleMs, waitingFor: [...behind, ...away] };
  }

  private reasonOf(
    proxy: ProxyTrust,
    { step, stepSince }: Pick<Rotation, 'step' | 'stepSince'>,
    issuer: string,
  ): string | undefined {
    if (!proxy.tells) {
      const until = stepSince + this.options.silentMs;
      if (this.options.clock.now() >= until) return undefined;
      return `does not say whom it trusts: its certificate is renewed by ${new Date(until).toISOString()}`;
    }
    if (proxy.refusal !== '') return `refuses the roots: ${proxy.refusal}`;
    if (!proxy.current) return 'has not the newest roots yet';
    if (step === 'trust' || proxy.issuer === issuer) return undefined;
    return proxy.issuer === undefined ? 'has no certificate yet' : 'has a certificate of the other root';
  }
}

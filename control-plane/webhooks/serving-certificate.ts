import type { SecureContextOptions } from 'node:tls';
import { createKeyPair, privateKeyPem } from '../../common/identity/keys.js';
import type { Clock, Timer } from '../../common/runtime/clock.js';
import { messageOf } from '../../common/runtime/errors.js';
import type { Logger } from '../../common/runtime/log.js';
import type { Issuer } from '../ca/issuer.js';

const TTL_SECONDS = 86_400;
const RETRY_MS = 60_000;

export interface ServingCertificateOptions {
  readonly issuer: Issuer;
  readonly dnsNames: readonly string[];
  readonly addresses: readonly string[];
  readonly clock: Clock;
  readonly log: Logger;
  readonly onCertificate: (certificate: SecureContextOptions) => void;
}

/** The certificate that the API server sees: made anew at half of its life, and when the authority changes. */
export class ServingCertificate {
  private timer: Timer | undefined;
  private ended = false;
  private unsubscribe = (): void => {};

  constructor(private readonly options: ServingCertificateOptions) {}

  /** Rejects when the first certificate cannot be made. */
  async start(): Promise<void> {
    await this.make();
    this.unsubscribe = this.options.issuer.onReplaced(() => void this.renew());
  }

  stop(): void {
    this.ended = true;
    this.timer?.cancel();
    this.unsubscribe();
  }

  private async make(): Promise<void> {
    const { issuer, dnsNames, addresses, clock, onCertificate } = this.options;
    const keys = await createKeyPair();
    if (this.ended) return;
    const issued = issuer.issue(keys.publicKey, { dnsNames, addresses }, TTL_SECONDS);
    onCertificate({ cert: issued.chain.join(''), key: privateKeyPem(keys.privateKey), minVersion: 'TLSv1.2' });
    this.renewIn(Math.max(1000, (issued.notAfter - clock.now()) / 2));
  }

  private async renew(): Promise<void> {
    try {
      await this.make();
    } catch (error) {
      this.options.log.error({ reason: messageOf(error) }, 'could not renew the certificate of the webhooks');
      this.renewIn(RETRY_MS);
    }
  }

  private renewIn(ms: number): void {
    this.timer?.cancel();
    if (!this.ended) this.timer = this.options.clock.after(ms, () => void this.renew());
  }
}

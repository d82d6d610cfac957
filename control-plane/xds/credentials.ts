import { experimental, type ServerCredentials } from '@grpc/grpc-js';
import type { SubjectAltNames } from '../../common/identity/extensions.js';
import { createKeyPair, privateKeyPem } from '../../common/identity/keys.js';
import type { Clock, Timer } from '../../common/runtime/clock.js';
import type { Logger } from '../../common/runtime/log.js';
import { CONTROL_PLANE_NAME } from '../../common/xds/names.js';
import type { Issuer } from '../ca/issuer.js';

type Listener = experimental.IdentityCertificateUpdateListener;
type Identity = experimental.IdentityCertificateUpdate;

/** Names under which clients of this machine reach the control plane. */
export const LOCAL_NAMES: SubjectAltNames = {
  dnsNames: ['localhost', CONTROL_PLANE_NAME, `${CONTROL_PLANE_NAME}.cluster.local`],
  addresses: ['127.0.0.1', '::1'],
};
const TTL_SECONDS = 86_400;
const RETRY_MS = 60_000;

/**
 * The server's own TLS certificate, made anew at half of its life and when another authority signs; open connections keep the
 * one they began with.
 */
export class ServerCertificate {
  private readonly listeners = new Set<Listener>();
  private current: Identity | null = null;
  private timer: Timer | undefined;
  private unsubscribe: (() => void) | undefined;

  constructor(
    private readonly issuer: Issuer,
    private readonly names: SubjectAltNames,
    private readonly clock: Clock,
    private readonly log: Logger,
  ) {}

  /** Makes the first certificate, and another when somebody else signs. */
  async start(): Promise<void> {
    this.unsubscribe ??= this.issuer.onReplaced(() => this.renewIn(0));
    const keys = await createKeyPair();
    const issued = this.issuer.issue(keys.publicKey, this.names, TTL_SECONDS);
    this.current = {
      certificate: Buffer.from(issued.chain.join('')),
      privateKey: Buffer.from(privateKeyPem(keys.privateKey)),
    };
    for (const listener of this.listeners) listener(this.current);
    this.renewIn(Math.max(1000, (issued.notAfter - this.clock.now()) / 2));
  }

  stop(): void {
    this.unsubscribe?.();
    this.timer?.cancel();
  }

  credentials(): ServerCredentials {
    const nothing = (): void => {};
    const identity: experimental.CertificateProvider = {
      addCaCertificateListener: nothing,
      removeCaCertificateListener: nothing,
      addIdentityCertificateListener: (listener) => {
        this.listeners.add(listener);
        process.nextTick(() => listener(this.current));
      },
      removeIdentityCertificateListener: (listener) => {
        this.listeners.delete(listener);
      },
    };
    // The identity comes first, whatever the parameter is called in grpc-js's declarations; nobody's certificate is asked for.
    return experimental.createCertificateProviderServerCredentials(identity, null, false);
  }

  private renewIn(ms: number): void {
    this.timer?.cancel();
    this.timer = this.clock.after(ms, () => {
      this.start().catch((error: unknown) => {
        this.log.error({ err: error }, 'could not renew the certificate of the xDS server');
        this.renewIn(RETRY_MS);
      });
    });
  }
}

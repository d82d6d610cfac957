import { type KeyObject, X509Certificate } from 'node:crypto';
import { createCsr } from '../../common/identity/csr.js';
import { createKeyPair, type KeyKind, privateKeyPem } from '../../common/identity/keys.js';
import { splitCertificates } from '../../common/identity/pem.js';
import { formatSpiffeId, type WorkloadIdentity } from '../../common/identity/spiffe.js';
import { Backoff } from '../../common/runtime/backoff.js';
import type { Clock, Random, Timer } from '../../common/runtime/clock.js';
import { messageOf, WeftError } from '../../common/runtime/errors.js';
import type { Logger } from '../../common/runtime/log.js';
import { SECRET_DEFAULT, SECRET_ROOT } from '../../common/xds/names.js';
import { parseSubjectAltName } from './peer.js';
import type { SecretStore } from './secrets.js';

/** One call of CreateCertificate: PEM certificates, the workload's own first, the root last. */
export type RequestCertificate = (csr: string, ttlSeconds: number) => Promise<readonly string[]>;

export interface CaClientOptions {
  readonly identity: WorkloadIdentity;
  readonly ttlSeconds: number;
  /** P-256 unless told otherwise. */
  readonly keyKind?: KeyKind;
  readonly request: RequestCertificate;
  readonly secrets: SecretStore;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

/** For metrics and /certs; times in ms since the epoch, 0 while there is none. */
export interface CertificateStatus {
  readonly notBefore: number;
  readonly notAfter: number;
  readonly rootNotAfter: number;
  readonly issued: number;
  readonly failures: number;
}

const FIRST_RETRY_MS = 2000;

/**
 * Keeps the workload's certificate fresh: a new key and CSR each time, renewed at 50 % to 80 % of the time from
 * receipt to notAfter. After a failure it tries again with back-off, while the certificate in force stays.
 */
export class CaClient {
  private readonly options: CaClientOptions;
  private readonly backoff: Backoff;
  private timer: Timer | undefined;
  private stopped = false;
  private current: CertificateStatus = { notBefore: 0, notAfter: 0, rootNotAfter: 0, issued: 0, failures: 0 };

  constructor(options: CaClientOptions) {
    this.options = options;
    const maxMs = Math.min(30_000, Math.max(1000, options.ttlSeconds * 100));
    this.backoff = new Backoff({ baseMs: Math.min(500, maxMs), maxMs, random: options.random });
  }

  get status(): CertificateStatus {
    return this.current;
  }

  start(): void {
    this.schedule(0);
  }

  stop(): void {
    this.stopped = true;
    this.timer?.cancel();
  }

  private schedule(delayMs: number): void {
    if (this.stopped) return;
    this.timer = this.options.clock.after(delayMs, () => {
      this.renew().catch((error: unknown) => this.options.log.error({ error: messageOf(error) }, 'renewal failed'));
    });
  }

  private async renew(): Promise<void> {
    try {
      const notAfter = await this.issue();
      this.backoff.reset();
      const lifetime = notAfter - this.options.clock.now();
      this.schedule(lifetime * (0.5 + 0.3 * this.options.random()));
    } catch (error) {
      if (this.stopped) return;
      this.current = { ...this.current, failures: this.current.failures + 1 };
      // A workload without any certificate is not ready yet, and holds its pod up.
      const delay = this.backoff.next(this.current.issued === 0 ? FIRST_RETRY_MS : undefined);
      const context = { error: messageOf(error), retryInMs: Math.round(delay), notAfter: this.current.notAfter };
      this.options.log.warn(context, 'no new certificate from the CA');
      this.schedule(delay);
    }
  }

  /** Returns the new certificate's notAfter. */
  private async issue(): Promise<number> {
    const uri = formatSpiffeId(this.options.identity);
    const { privateKey, publicKey } = await createKeyPair(this.options.keyKind);
    const chain = await this.options.request(createCsr({ privateKey, publicKey, uri }), this.options.ttlSeconds);
    if (this.stopped) return 0;
    const issued = checkChain(chain, { privateKey, uri, now: this.options.clock.now() });
    this.publish(issued, privateKey);
    this.current = {
      notBefore: Date.parse(issued.leaf.validFrom),
      notAfter: Date.parse(issued.leaf.validTo),
      rootNotAfter: Date.parse(issued.root.validTo),
      issued: this.current.issued + 1,
      failures: this.current.failures,
    };
    return this.current.notAfter;
  }

  private publish(issued: IssuedChain, privateKey: KeyObject): void {
    const { secrets } = this.options;
    const roots = secrets.get(SECRET_ROOT);
    // Roots that did not change are not announced: they would make every context anew a second time.
    if (roots?.kind !== 'roots' || roots.pem !== issued.rootPem) {
      secrets.set(SECRET_ROOT, { kind: 'roots', pem: issued.rootPem });
    }
    secrets.set(SECRET_DEFAULT, {
      kind: 'certificate',
      certificateChain: issued.chainPem,
      privateKey: privateKeyPem(privateKey),
    });
  }
}

interface IssuedChain {
  readonly leaf: X509Certificate;
  readonly root: X509Certificate;
  readonly chainPem: string;
  readonly rootPem: string;
}

/** Refuses an answer that is not for our key and identity, or that is no longer valid. */
function checkChain(
  chain: readonly string[],
  expected: { readonly privateKey: KeyObject; readonly uri: string; readonly now: number },
): IssuedChain {
  const certificates = chain.slice(0, -1).flatMap(splitCertificates);
  const [leafPem] = certificates;
  // Several while one root takes over from another.
  const roots = splitCertificates(chain.at(-1) ?? '');
  if (leafPem === undefined || roots.length === 0) {
    throw fault(
      `${certificates.length + roots.length} certificates in the answer, where a chain and its root are expected`,
    );
  }
  const leaf = new X509Certificate(leafPem);
  if (!leaf.checkPrivateKey(expected.privateKey)) throw fault('the certificate is for another key');
  const { uris } = parseSubjectAltName(leaf.subjectAltName);
  if (uris[0] !== expected.uri) throw fault(`the certificate is for ${uris[0] ?? 'nobody'}, not ${expected.uri}`);
  if (!(Date.parse(leaf.validTo) > expected.now)) throw fault('the certificate has expired');
  const rootPem = roots.join('');
  return { leaf, root: new X509Certificate(rootPem), chainPem: certificates.join(''), rootPem };
}

function fault(message: string): WeftError {
  return new WeftError(message, { source: 'ca', retryable: true });
}

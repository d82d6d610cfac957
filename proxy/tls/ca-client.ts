import type { KeyObject } from 'node:crypto';
import { createCsr } from '../../common/identity/csr.js';
import { createKeyPair, type KeyKind, privateKeyPem } from '../../common/identity/keys.js';
import { formatSpiffeId, type WorkloadIdentity } from '../../common/identity/spiffe.js';
import { Backoff } from '../../common/runtime/backoff.js';
import type { Clock, Random, Timer } from '../../common/runtime/clock.js';
import { messageOf } from '../../common/runtime/errors.js';
import type { Logger } from '../../common/runtime/log.js';
import { SECRET_DEFAULT, SECRET_ROOT } from '../../common/xds/names.js';
import { checkChain, type IssuedChain, unionOf } from './issued-chain.js';
import type { SecretStore } from './secrets.js';
import type { TrustBundle } from './trust-handler.js';

/** One call of CreateCertificate: PEM certificates, the workload's own first, the root last. */
export type RequestCertificate = (csr: string, ttlSeconds: number) => Promise<readonly string[]>;

export interface CaClientOptions {
  readonly identity: WorkloadIdentity;
  readonly ttlSeconds: number;
  /** P-256 unless told otherwise. */
  readonly keyKind?: KeyKind;
  readonly request: RequestCertificate;
  /** The CA is the control plane that pushes trust bundles: when another root signs there, ours is renewed at once. */
  readonly followsIssuer?: boolean;
  /** Called when another authority than before has signed our certificate. */
  readonly onIssuer?: () => void;
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
  /** Why the last attempt failed; empty when it did not. */
  readonly failure: string;
}

const FIRST_RETRY_MS = 2000;
/** Workloads that are to renew at once do it within so long, or a tenth of a certificate's life. */
const SPREAD_MS = 10_000;
/** Replicas of the control plane do not change roots in the same instant. */
const ISSUER_RETRY_MS = { baseMs: 1000, maxMs: 60_000 };

/**
 * Keeps the workload's certificate fresh: a new key and CSR each time, renewed at 50 % to 80 % of the time from receipt to
 * notAfter. After a failure it tries again with back-off, while the certificate in force stays.
 */
export class CaClient {
  private readonly options: CaClientOptions;
  private readonly backoff: Backoff;
  private readonly issuerBackoff: Backoff;
  private timer: Timer | undefined;
  private expiry: Timer | undefined;
  private stopped = false;
  private renewing = false;
  private current: CertificateStatus = {
    notBefore: 0,
    notAfter: 0,
    rootNotAfter: 0,
    issued: 0,
    failures: 0,
    failure: '',
  };
  private bundle: TrustBundle | undefined;
  private issued: IssuedChain | undefined;

  constructor(options: CaClientOptions) {
    this.options = options;
    const maxMs = Math.min(30_000, Math.max(1000, options.ttlSeconds * 100));
    this.backoff = new Backoff({ baseMs: Math.min(500, maxMs), maxMs, random: options.random });
    this.issuerBackoff = new Backoff({ ...ISSUER_RETRY_MS, random: options.random });
  }

  get status(): CertificateStatus {
    return this.current;
  }

  /** SHA-256 of the certificate that signed ours, hex; undefined before there is one. */
  get issuer(): string | undefined {
    return this.issued?.issuer;
  }

  /** Roots that the control plane has pushed, PEM; empty before. */
  get pushedRoots(): string {
    return this.bundle?.roots ?? '';
  }

  /** Why we cannot prove who we are, for /ready; empty while we can, or have not tried. */
  get fault(): string {
    const { notAfter, failure } = this.current;
    if (notAfter === 0 || this.options.clock.now() < notAfter) return '';
    const since = new Date(notAfter).toISOString();
    return `the certificate of this workload has expired (${since})${failure === '' ? '' : `; the CA: ${failure}`}`;
  }

  start(): void {
    this.schedule(0);
  }

  stop(): void {
    this.stopped = true;
    this.timer?.cancel();
    this.expiry?.cancel();
  }

  /** The control plane says whom to trust. A certificate that another root has signed than the one that signs now is renewed. */
  trust(bundle: TrustBundle): void {
    this.bundle = bundle;
    this.publishRoots();
    if (!this.outdated) return;
    this.issuerBackoff.reset();
    const { random, ttlSeconds, log } = this.options;
    log.info({ issuer: bundle.issuer }, 'another root signs: the certificate is renewed');
    if (!this.renewing) this.schedule(random() * Math.min(SPREAD_MS, ttlSeconds * 100));
  }

  private get outdated(): boolean {
    const { bundle, issuer } = this;
    return (
      this.options.followsIssuer === true &&
      issuer !== undefined &&
      bundle !== undefined &&
      bundle.issuer !== '' &&
      bundle.issuer !== issuer
    );
  }

  private schedule(delayMs: number): void {
    if (this.stopped) return;
    this.timer?.cancel();
    this.timer = this.options.clock.after(delayMs, () => {
      this.renew().catch((error: unknown) => this.options.log.error({ error: messageOf(error) }, 'renewal failed'));
    });
  }

  private async renew(): Promise<void> {
    this.renewing = true;
    try {
      const notAfter = await this.issue();
      this.backoff.reset();
      const lifetime = notAfter - this.options.clock.now();
      const usual = lifetime * (0.5 + 0.3 * this.options.random());
      this.schedule(this.outdated ? Math.min(usual, this.issuerBackoff.next()) : usual);
    } catch (error) {
      if (!this.stopped) this.failed(messageOf(error));
    } finally {
      this.renewing = false;
    }
  }

  private failed(reason: string): void {
    this.current = { ...this.current, failures: this.current.failures + 1, failure: reason };
    // A workload without any certificate is not ready yet, and holds its pod up.
    const delay = this.backoff.next(this.current.issued === 0 ? FIRST_RETRY_MS : undefined);
    const context = { error: reason, retryInMs: Math.round(delay), notAfter: this.current.notAfter };
    this.options.log.warn(context, 'no new certificate from the CA');
    this.schedule(delay);
  }

  /** Returns the new certificate's notAfter. */
  private async issue(): Promise<number> {
    const uri = formatSpiffeId(this.options.identity);
    const { privateKey, publicKey } = await createKeyPair(this.options.keyKind);
    const chain = await this.options.request(createCsr({ privateKey, publicKey, uri }), this.options.ttlSeconds);
    if (this.stopped) return 0;
    const issued = checkChain(chain, { privateKey, uri, now: this.options.clock.now() });
    const late = this.fault !== '';
    this.publish(issued, privateKey);
    this.current = {
      notBefore: Date.parse(issued.leaf.validFrom),
      notAfter: Date.parse(issued.leaf.validTo),
      rootNotAfter: Date.parse(issued.root.validTo),
      issued: this.current.issued + 1,
      failures: this.current.failures,
      failure: '',
    };
    if (late) this.options.log.info({ uri }, 'there is a certificate again');
    this.watchExpiry();
    return this.current.notAfter;
  }

  /** Says once that the certificate ran out: from then on no peer takes it. */
  private watchExpiry(): void {
    this.expiry?.cancel();
    const { clock, log } = this.options;
    const left = this.current.notAfter - clock.now();
    // Timers hold 24 days; a certificate that lives longer is looked at again then.
    this.expiry = clock.after(Math.min(left, 2 ** 31 - 1), () => {
      if (this.fault === '') this.watchExpiry();
      else log.error({ failures: this.current.failures }, this.fault);
    });
  }

  private publish(issued: IssuedChain, privateKey: KeyObject): void {
    const { secrets, onIssuer } = this.options;
    const before = this.issuer;
    this.issued = issued;
    this.publishRoots();
    secrets.set(SECRET_DEFAULT, {
      kind: 'certificate',
      certificateChain: issued.chainPem,
      privateKey: privateKeyPem(privateKey),
    });
    if (issued.issuer !== before) onIssuer?.();
  }

  /** What was pushed counts; what the CA has answered is added where none of the pushed roots vouches for our own certificate. */
  private publishRoots(): void {
    const { secrets } = this.options;
    const known = secrets.get(SECRET_ROOT);
    const pem = this.roots();
    const domains = this.bundle?.federated ?? NONE;
    // Roots that did not change are not announced: they would make every context anew a second time.
    if (pem === '' || (known?.kind === 'roots' && known.pem === pem && sameDomains(known.federated, domains))) return;
    secrets.set(SECRET_ROOT, { kind: 'roots', pem, ...(domains.size > 0 && { federated: domains }) });
  }

  private roots(): string {
    const { bundle, issued } = this;
    if (bundle === undefined || issued === undefined) return bundle?.roots ?? issued?.rootPem ?? '';
    const known = this.options.followsIssuer === true && bundle.roots.includes(issued.root.toString().trim());
    return known ? bundle.roots : unionOf(bundle.roots, issued.rootPem);
  }
}

const NONE: ReadonlyMap<string, string> = new Map();

function sameDomains(known: ReadonlyMap<string, string> = NONE, wanted: ReadonlyMap<string, string>): boolean {
  return known.size === wanted.size && [...wanted].every(([domain, pem]) => known.get(domain) === pem);
}

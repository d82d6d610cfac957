import { X509Certificate } from 'node:crypto';
import { splitCertificates } from '../../common/identity/pem.js';
import type { Clock, Timer } from '../../common/runtime/clock.js';
import { messageOf } from '../../common/runtime/errors.js';
import type { Logger } from '../../common/runtime/log.js';
import type { CaCertificate } from '../model/mesh-settings.js';
import { readSpiffeBundle } from './spiffe-bundle.js';

/** Roots beside those of our own authority (MeshConfig `caCertificates`). */
export interface ForeignRoots {
  /** PEM of roots that vouch for our own trust domains too. */
  readonly own: string;
  /** PEM by trust domain: roots that vouch for that domain only. */
  readonly federated: Readonly<Record<string, string>>;
}

export interface ForeignRootsOptions {
  /** What the configuration says now. */
  readonly settings: () => ForeignRootsSettings;
  /** GETs a URL; rejects unless the answer is 200. */
  readonly get: (url: string) => Promise<string>;
  /** Called when other roots are to be trusted than before. */
  readonly onChange: () => void;
  readonly clock: Clock;
  readonly log: Logger;
}

export interface ForeignRootsSettings {
  readonly ownDomains: readonly string[];
  readonly caCertificates: readonly CaCertificate[];
}

const REFRESH_SECONDS = 300;
const RETRY_SECONDS = 30;
const MIN_SECONDS = 5;

/**
 * Keeps the roots that the configuration names: PEM as it is, SPIFFE bundles by their URL, which are looked at again as they
 * ask. A bundle that cannot be had leaves the one before in force.
 */
export class ForeignRootSource {
  private readonly fetched = new Map<string, string>();
  private readonly timers = new Map<string, Timer>();
  private stopped = false;

  constructor(private readonly options: ForeignRootsOptions) {}

  /** The configuration may have changed: new URLs are asked at once, others are forgotten. */
  update(): void {
    const urls = new Set(this.options.settings().caCertificates.flatMap(({ url }) => (url === undefined ? [] : [url])));
    for (const [url, timer] of this.timers) {
      if (urls.has(url)) continue;
      timer.cancel();
      this.timers.delete(url);
      this.fetched.delete(url);
    }
    for (const url of urls) if (!this.timers.has(url)) this.later(url, 0);
  }

  stop(): void {
    this.stopped = true;
    for (const timer of this.timers.values()) timer.cancel();
  }

  roots(): ForeignRoots {
    const { ownDomains, caCertificates } = this.options.settings();
    let own = '';
    const federated: Record<string, string> = {};
    for (const { pem, url, trustDomains } of caCertificates) {
      const roots = pem ?? this.fetched.get(url ?? '') ?? '';
      if (roots === '') continue;
      if (trustDomains.length === 0 || trustDomains.some((domain) => ownDomains.includes(domain))) own += roots;
      for (const domain of trustDomains) {
        if (!ownDomains.includes(domain)) federated[domain] = (federated[domain] ?? '') + roots;
      }
    }
    return { own, federated };
  }

  private later(url: string, seconds: number): void {
    if (this.stopped) return;
    const timer = this.options.clock.after(seconds * 1000, () => {
      void this.look(url).then((again) => {
        if (this.timers.get(url) === timer) this.later(url, again);
      });
    });
    this.timers.set(url, timer);
  }

  /** Resolves with the seconds until the next look; never rejects. */
  private async look(url: string): Promise<number> {
    const { get, onChange, log } = this.options;
    try {
      const { roots, refreshSeconds = REFRESH_SECONDS } = readSpiffeBundle(await get(url));
      if (this.fetched.get(url) !== roots) {
        this.fetched.set(url, roots);
        log.info({ url, roots: splitCertificates(roots).map(nameOf) }, 'took the roots of another trust domain');
        onChange();
      }
      return Math.max(MIN_SECONDS, refreshSeconds);
    } catch (error) {
      const kept = this.fetched.has(url);
      log.warn({ url, kept, reason: messageOf(error) }, 'could not get the roots of another trust domain');
      return RETRY_SECONDS;
    }
  }
}

function nameOf(pem: string): string {
  const { subject, fingerprint256 } = new X509Certificate(pem);
  return `${subject} ${fingerprint256.slice(0, 23)}`;
}

const LIMIT_BYTES = 1024 * 1024;
const PATIENCE_MS = 10_000;
const LOOPBACK = /^(?:localhost|127\.\d+\.\d+\.\d+|\[::1\])$/;

/** GETs a bundle by HTTPS, as the endpoint profile `https_web` asks; plain HTTP from this machine only. */
export async function getBundle(url: string): Promise<string> {
  const { protocol, hostname } = new URL(url);
  if (protocol !== 'https:' && !(protocol === 'http:' && LOOPBACK.test(hostname))) {
    throw new Error('a bundle endpoint is an https URL');
  }
  const answer = await fetch(url, { redirect: 'error', signal: AbortSignal.timeout(PATIENCE_MS) });
  if (answer.status !== 200) throw new Error(`it answers ${answer.status}`);
  if (Number(answer.headers.get('content-length') ?? 0) > LIMIT_BYTES) throw new Error('it is too long');
  const text = await answer.text();
  if (text.length > LIMIT_BYTES) throw new Error('it is too long');
  return text;
}

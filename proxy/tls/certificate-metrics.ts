import { X509Certificate } from 'node:crypto';
import type { Registry } from 'prom-client';
import { splitCertificates } from '../../common/identity/pem.js';
import type { Clock } from '../../common/runtime/clock.js';
import type { StatGroup } from '../telemetry/envoy-stats.js';
import { registerSource, type Sample } from '../telemetry/metric-source.js';
import type { Secret, SecretStore } from './secrets.js';

const DAY_MS = 86_400_000;

interface HeldCertificate {
  readonly kind: 'leaf' | 'intermediate' | 'root';
  readonly sha256: string;
  /** Milliseconds since the epoch. */
  readonly notAfter: number;
}

/** Read once a secret: a scrape comes every few seconds. */
const read = new WeakMap<Secret, readonly HeldCertificate[]>();

/** Remaining life of every certificate that this proxy holds. */
export function registerCertificateMetrics(registry: Registry, secrets: SecretStore, clock: Clock): void {
  registerSource(registry, {
    name: 'istio_agent_cert_expiry_seconds',
    help: 'Seconds until the first certificate of a secret expires; negative when it has.',
    type: 'gauge',
    *collect(): Iterable<Sample> {
      for (const [name, held] of certificates(secrets)) {
        yield { labels: { resource_name: name }, value: (firstEnd(held) - clock.now()) / 1000 };
      }
    },
  });
  registerSource(registry, {
    name: 'weft_certificate_expiry_timestamp_seconds',
    help: 'When each certificate that this proxy holds expires, in seconds since the epoch.',
    type: 'gauge',
    *collect(): Iterable<Sample> {
      for (const [secret, held] of certificates(secrets)) {
        for (const { kind, sha256, notAfter } of held) {
          yield { labels: { secret, kind, sha256: sha256.slice(0, 16) }, value: notAfter / 1000 };
        }
      }
    },
  });
}

/** The same by Envoy's names. */
export function* certificateStats(secrets: SecretStore, clock: Clock): Iterable<StatGroup> {
  const all = certificates(secrets);
  if (all.length === 0) return;
  const first = Math.min(...all.map(([, held]) => firstEnd(held)));
  const days = Math.max(0, Math.floor((first - clock.now()) / DAY_MS));
  yield { scope: 'server', stats: [{ name: 'days_until_first_cert_expiring', type: 'gauge', value: days }] };
  for (const [name, held] of all) {
    yield {
      scope: 'ssl.certificate',
      tag: { label: 'envoy_ssl_certificate', value: name },
      stats: [{ name: 'expiration_unix_time_seconds', type: 'gauge', value: Math.floor(firstEnd(held) / 1000) }],
    };
  }
}

function certificates(secrets: SecretStore): (readonly [name: string, held: readonly HeldCertificate[]])[] {
  return secrets.keys().flatMap((name) => {
    const secret = secrets.get(name);
    const held = secret === undefined ? [] : certificatesOf(secret);
    return held.length === 0 ? [] : [[name, held] as const];
  });
}

function certificatesOf(secret: Secret): readonly HeldCertificate[] {
  let held = read.get(secret);
  if (held === undefined) {
    const pem = secret.kind === 'certificate' ? secret.certificateChain : secret.pem;
    held = splitCertificates(pem).map((one, index) => {
      const { validTo, fingerprint256 } = new X509Certificate(one);
      const kind = secret.kind === 'roots' ? 'root' : index === 0 ? 'leaf' : 'intermediate';
      return { kind, sha256: fingerprint256.replaceAll(':', '').toLowerCase(), notAfter: Date.parse(validTo) };
    });
    read.set(secret, held);
  }
  return held;
}

function firstEnd(held: readonly HeldCertificate[]): number {
  return Math.min(...held.map(({ notAfter }) => notAfter));
}

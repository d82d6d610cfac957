import type { KeyKind } from '../common/identity/keys.js';
import type { RotationConfig } from './ca/root-parts.js';

/** How a control plane runs; ports as numbers, 0 takes a free one (the same as last time, where it is still free). */
export interface ControlPlaneConfig {
  /** Folder of YAML, watched. */
  readonly configDir: string;
  /** Keys, tokens and allotted ports. */
  readonly stateDir: string;
  /** Address to listen on; a loopback address. */
  readonly host: string;
  /** xDS and CA over TLS. */
  readonly xdsPort: number;
  /** xDS without TLS and token, for proxyless gRPC clients; undefined is off. */
  readonly plaintextXdsPort?: number;
  /** Large xDS messages are compressed for clients that announce gRPC's `deflate`; so unless told otherwise. */
  readonly compressXds?: boolean;
  readonly debugPort: number;
  /** Base URL of a Prometheus that numbers about traffic are read from, instead of the sidecars' samples. */
  readonly prometheus?: string;
  /** Lifetime of workload certificates that do not ask for another. */
  readonly certTtlSeconds: number;
  /** Key of the workloads' certificates; P-256 unless told otherwise. */
  readonly workloadKey?: KeyKind;
  /** Of a root that is made here: P-256, ten years. */
  readonly root?: { readonly keyKind?: KeyKind; readonly lifeMs?: number };
  readonly rotation?: RotationConfig;
}

const MIN_TTL_SECONDS = 10;
const LOOPBACK = /^(127\.\d+\.\d+\.\d+|::1|localhost)$/;

/** Throws an Error that names the setting and what it takes. */
export function checkConfig(config: ControlPlaneConfig): ControlPlaneConfig {
  for (const name of ['xdsPort', 'plaintextXdsPort', 'debugPort'] as const) {
    const port = config[name] ?? 0;
    if (!Number.isInteger(port) || port < 0 || port > 65_535) throw new Error(`${name} must be a port, 0 to 65535`);
  }
  if (!Number.isFinite(config.certTtlSeconds) || config.certTtlSeconds < MIN_TTL_SECONDS) {
    throw new Error(`certificates cannot live shorter than ${MIN_TTL_SECONDS} s`);
  }
  if (!LOOPBACK.test(config.host)) throw new Error(`${config.host} is not a loopback address`);
  return Object.freeze({ ...config });
}

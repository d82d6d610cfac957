import { isIP } from 'node:net';
import { type KeyKind, keyKindOf } from '../../common/identity/keys.js';

type Environment = Readonly<Record<string, string | undefined>>;

/** Reads a file; undefined when it is not there. */
export type ReadFile = (path: string) => string | undefined;

export type ProxyRole = 'sidecar' | 'router';

/** Flags of `weft proxy sidecar` that concern who we are. */
export interface PodFlags {
  /** Domain of the namespace's services. */
  readonly domain?: string;
  readonly concurrency?: string;
}

/** What a proxy in a pod is told by its environment, as Istio's agent is. */
export interface PodSettings {
  readonly role: ProxyRole;
  readonly pod: string;
  readonly namespace: string;
  readonly ip: string;
  readonly serviceAccount: string;
  readonly domain: string;
  readonly trustDomain: string;
  readonly labels: Readonly<Record<string, string>>;
  /** Goes to the control plane as it is. */
  readonly metadata: Readonly<Record<string, unknown>>;
  /** `host:port` of xDS. */
  readonly controlPlane: string;
  /** Who signs our certificate: the control plane, unless somebody else that speaks Istio's CA protocol is named. */
  readonly ca: { readonly address: string; readonly rootPath: string };
  readonly rootPath: string;
  readonly tokenPath: string;
  readonly certTtlSeconds: number;
  readonly keyKind: KeyKind;
  readonly ports: {
    readonly admin: number;
    /** undefined is off. */
    readonly status: number | undefined;
    readonly health: number;
    readonly metrics: number;
  };
  readonly drain: DrainSettings;
  /** JSON of the application's probes by path. */
  readonly probers: string;
  /** JSON of the `prometheus.io/` annotations. */
  readonly prometheus: string;
  /** Everything that was asked for and has no effect. */
  readonly warnings: readonly string[];
}

export interface DrainSettings {
  /** How long inbound connections may go on after SIGTERM, ms. */
  readonly terminationMs: number;
  /** End as soon as no inbound connection is left, however long that takes. */
  readonly exitOnZeroConnections: boolean;
  /** With the above: not before this, ms. */
  readonly minimumMs: number;
  /** For listeners that a configuration replaces, ms. */
  readonly listenerMs: number;
}

const META = 'ISTIO_META_';
const META_JSON = 'ISTIO_METAJSON_';
const PORTS = { admin: 15_000, status: 15_020, health: 15_021, metrics: 15_090 };
const DAY_SECONDS = 24 * 3600;

/** Reads the environment. Throws an Error that names every variable that is missing or cannot be read. */
export function readPodEnvironment(role: ProxyRole, env: Environment, flags: PodFlags, read: ReadFile): PodSettings {
  const errors: string[] = [];
  const warnings: string[] = [];
  const config = objectOf('PROXY_CONFIG', env['PROXY_CONFIG'], errors);
  // What proxyMetadata says counts as environment, below the pod's own.
  const all: Environment = { ...texts(config['proxyMetadata']), ...env };
  const required = (name: string): string => {
    const value = all[name] ?? '';
    if (value === '') errors.push(`${name} is not set`);
    return value;
  };
  const info = all['WEFT_POD_INFO'] ?? '/etc/istio/pod';
  const namespace = required('POD_NAMESPACE');
  const pod = required('POD_NAME');
  const ip = required('INSTANCE_IP');
  if (ip !== '' && isIP(ip) === 0) errors.push(`INSTANCE_IP: '${ip}' is not an address`);
  const labels = downwardApi(read(`${info}/labels`) ?? '');
  const concurrency = Number(flags.concurrency ?? config['concurrency'] ?? 0);
  if (concurrency > 1) warnings.push(`concurrency ${concurrency}: this proxy is one process on one core`);
  const controlPlane =
    text(config['discoveryAddress']) || all['CA_ADDR'] || 'weft-control-plane.istio-system.svc:15012';
  const rootPath = all['XDS_ROOT_CA'] || '/var/run/secrets/istio/root-cert.pem';
  const settings: PodSettings = {
    role,
    pod,
    namespace,
    ip,
    serviceAccount: required('SERVICE_ACCOUNT'),
    domain: flags.domain ?? `${namespace}.svc.cluster.local`,
    trustDomain: all['TRUST_DOMAIN'] || 'cluster.local',
    labels,
    metadata: {
      ...(all['DNS_PROXY_ADDR'] !== undefined && { DNS_PROXY_ADDR: all['DNS_PROXY_ADDR'] }),
      ...metadataOf(all, errors),
    },
    controlPlane,
    ca: { address: all['CA_ADDR'] || controlPlane, rootPath: all['CA_ROOT_CA'] || rootPath },
    rootPath,
    tokenPath: all['WEFT_TOKEN_PATH'] || '/var/run/secrets/tokens/istio-token',
    certTtlSeconds: seconds('SECRET_TTL', all['SECRET_TTL'], DAY_SECONDS, errors),
    keyKind: keyKind(all, errors),
    ports: {
      admin: port('PROXY_CONFIG.proxyAdminPort', config['proxyAdminPort'], PORTS.admin, errors),
      status: port('PROXY_CONFIG.statusPort', config['statusPort'], PORTS.status, errors) || undefined,
      health: port('ENVOY_STATUS_PORT', all['ENVOY_STATUS_PORT'], PORTS.health, errors),
      metrics: port('ENVOY_PROMETHEUS_PORT', all['ENVOY_PROMETHEUS_PORT'], PORTS.metrics, errors),
    },
    drain: drainOf(all, config, errors),
    probers: all['ISTIO_KUBE_APP_PROBERS'] ?? '',
    prometheus: all['ISTIO_PROMETHEUS_ANNOTATIONS'] ?? '',
    warnings,
  };
  if (errors.length > 0) throw new Error(errors.join('\n'));
  return settings;
}

/** Istio's variables. RSA only where its size is given: without any of them the key is ECDSA P-256. */
function keyKind(env: Environment, errors: string[]): KeyKind {
  const algorithm = env['ECC_SIGNATURE_ALGORITHM'] ?? '';
  const curve = env['ECC_CURVE'] || 'P256';
  const bits = env['WORKLOAD_RSA_KEY_SIZE'] ?? '';
  if (algorithm === '' && bits !== '') {
    const kind = keyKindOf(`RSA-${bits}`);
    if (kind === undefined) errors.push(`WORKLOAD_RSA_KEY_SIZE: '${bits}' is not 2048, 3072 or 4096`);
    return kind ?? 'RSA-2048';
  }
  if (/^ed25519$/i.test(algorithm)) return 'Ed25519';
  if (algorithm !== '' && algorithm !== 'ECDSA') {
    errors.push(`ECC_SIGNATURE_ALGORITHM: '${algorithm}' is neither ECDSA nor ED25519`);
  }
  if (curve !== 'P256' && curve !== 'P384') errors.push(`ECC_CURVE: '${curve}' is neither P256 nor P384`);
  return curve === 'P384' ? 'P-384' : 'P-256';
}

function drainOf(env: Environment, config: Readonly<Record<string, unknown>>, errors: string[]): DrainSettings {
  const fallback = seconds(
    'PROXY_CONFIG.terminationDrainDuration',
    text(config['terminationDrainDuration']),
    5,
    errors,
  );
  const name = 'TERMINATION_DRAIN_DURATION_SECONDS';
  return {
    terminationMs: seconds(name, env[name], fallback, errors) * 1000,
    exitOnZeroConnections: env['EXIT_ON_ZERO_ACTIVE_CONNECTIONS'] === 'true',
    minimumMs: seconds('MINIMUM_DRAIN_DURATION', env['MINIMUM_DRAIN_DURATION'], 5, errors) * 1000,
    listenerMs: seconds('PROXY_CONFIG.drainDuration', text(config['drainDuration']), 45, errors) * 1000,
  };
}

/** `ISTIO_META_X=v` becomes `X: v`; `ISTIO_METAJSON_X={…}` adds the members of an object. */
function metadataOf(env: Environment, errors: string[]): Record<string, unknown> {
  const metadata: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(env)) {
    if (value === undefined) continue;
    if (name.startsWith(META_JSON)) Object.assign(metadata, objectOf(name, value, errors));
    else if (name.startsWith(META)) metadata[name.slice(META.length)] = value;
  }
  const config = env['PROXY_CONFIG'] ?? '';
  if (config !== '') metadata['PROXY_CONFIG'] = objectOf('PROXY_CONFIG', config, []);
  const ips = env['INSTANCE_IPS'] || env['INSTANCE_IP'];
  if (ips !== undefined) metadata['INSTANCE_IPS'] = ips;
  return metadata;
}

/** A file of the downward API: a line for each entry, the value quoted. */
export function downwardApi(file: string): Record<string, string> {
  const found: Record<string, string> = {};
  for (const line of file.split('\n')) {
    const equals = line.indexOf('=');
    if (equals <= 0) continue;
    found[line.slice(0, equals)] = unquote(line.slice(equals + 1));
  }
  return found;
}

/** Go's quoting is JSON's but for escapes of single bytes. */
function unquote(quoted: string): string {
  try {
    return String(
      JSON.parse(
        quoted
          .replace(/\\x([0-9a-f]{2})/g, '\\u00$1')
          .replace(/\\a/g, '\\u0007')
          .replace(/\\v/g, '\\u000b'),
      ),
    );
  } catch {
    return quoted.replace(/^"|"$/g, '');
  }
}

/** `5`, `5s`, `1m30s` in seconds. */
function seconds(name: string, value: string | undefined, fallback: number, errors: string[]): number {
  if (value === undefined || value === '') return fallback;
  if (/^\d+(\.\d+)?$/.test(value)) return Number(value);
  const units: Readonly<Record<string, number>> = { h: 3600, m: 60, s: 1, ms: 0.001 };
  if (!/^(?:\d+(?:\.\d+)?(?:ms|h|m|s))+$/.test(value)) {
    errors.push(`${name}: '${value}' is not a duration`);
    return fallback;
  }
  let sum = 0;
  for (const [, number = '0', unit = 's'] of value.matchAll(/(\d+(?:\.\d+)?)(ms|h|m|s)/g)) {
    sum += Number(number) * (units[unit] ?? 1);
  }
  return sum;
}

function port(name: string, value: unknown, fallback: number, errors: string[]): number {
  if (value === undefined || value === '') return fallback;
  const number = Number(value);
  if (Number.isInteger(number) && number >= 0 && number <= 65_535) return number;
  errors.push(`${name}: '${String(value)}' is not a port`);
  return fallback;
}

function objectOf(name: string, json: string | undefined, errors: string[]): Readonly<Record<string, unknown>> {
  if (json === undefined || json.trim() === '') return {};
  try {
    const value: unknown = JSON.parse(json);
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  } catch {
    // Named below, as anything else that is no object.
  }
  errors.push(`${name} is not a JSON object`);
  return {};
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

function texts(value: unknown): Record<string, string> {
  if (typeof value !== 'object' || value === null) return {};
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, String(each)]));
}

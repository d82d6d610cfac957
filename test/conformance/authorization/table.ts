import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse, stringify } from 'yaml';

/** Policies, and requests that they decide about: one workload of its own in the table's proxies. */
export interface Group {
  /** `paths: an exact path`. */
  readonly name: string;
  /** AuthorizationPolicies and MeshConfig, YAML; `@http@` and the like are ports of the application. */
  readonly config: string;
  readonly rows: readonly Row[];
}

export interface Row {
  /** As it is written. */
  readonly title: string;
  readonly method: string;
  readonly path: string;
  readonly tcp: boolean;
  readonly expect: Expected;
  /** SPIFFE ID of the client; undefined for one in plain text. */
  readonly identity: string | undefined;
  /** Address that the client connects from. */
  readonly from: string;
  readonly headers: readonly (readonly [string, string])[];
  readonly host: string;
  readonly port: string;
  readonly sni: string | undefined;
}

/** What both proxies have to say: let through, denied by a rule (`none` where none allowed it), or another status. */
export type Expected =
  | { readonly kind: 'allow' }
  | { readonly kind: 'deny'; readonly policy: string }
  | { readonly kind: 'status'; readonly status: string };

export const NAMESPACE = 'shop';
const FOLDER = join(import.meta.dirname, 'tables');
const GROUP_FIELDS = ['name', 'policies', 'mesh', 'rows'];
const ROW_FIELDS = ['as', 'from', 'headers', 'host', 'port', 'sni'];

/** All groups, in order of file. Throws an Error that names file and group. */
export function readTable(folder = FOLDER): Group[] {
  return readdirSync(folder)
    .filter((name) => name.endsWith('.yaml'))
    .sort()
    .flatMap((name) => {
      const groups: unknown = parse(readFileSync(join(folder, name), 'utf8'));
      if (!Array.isArray(groups)) throw new Error(`${name}: a list of groups is expected`);
      return groups.map((group: unknown) => groupOf(group, name.slice(0, -'.yaml'.length)));
    });
}

function groupOf(value: unknown, file: string): Group {
  const group = record(value, file);
  const name = `${file}: ${String(group['name'])}`;
  const unknown = Object.keys(group).filter((key) => !GROUP_FIELDS.includes(key));
  if (unknown.length > 0) throw new Error(`${name}: unknown field ${unknown.join(', ')}`);
  return {
    name,
    config: [...list(group['policies'], name).map(policyOf), meshConfig(group['mesh'])].join('\n---\n'),
    rows: list(group['rows'], name).map((row) => rowOf(record(row, name), name)),
  };
}

/** The spec of an AuthorizationPolicy, with `name`, `namespace` and `annotations` beside its fields. */
function policyOf(value: unknown, index: number): string {
  const { name = `p${index}`, namespace = NAMESPACE, annotations = {}, ...spec } = record(value ?? {}, 'a policy');
  const metadata = { name, namespace, annotations };
  return stringify({ apiVersion: 'security.istio.io/v1', kind: 'AuthorizationPolicy', metadata, spec });
}

function meshConfig(mesh: unknown): string {
  const metadata = { name: 'istio', namespace: 'istio-system' };
  const fields = { ...LOG, ...record(mesh ?? {}, 'mesh') };
  return stringify({ apiVersion: 'v1', kind: 'ConfigMap', metadata, data: { mesh: stringify(fields) } });
}

/** What the harness puts the path and the fields of its log for. */
export const LOG_FILE = '@ACCESS_LOG@';
export const LOG_FORMAT = '@LOG_FORMAT@';
const LOG = { accessLogFile: LOG_FILE, accessLogEncoding: 'JSON', accessLogFormat: LOG_FORMAT };

/** `{GET /path: allow}` with what is not usual beside it; `TCP` connects to a port that speaks no HTTP. */
function rowOf(row: Readonly<Record<string, unknown>>, where: string): Row {
  const [request, ...rest] = Object.keys(row).filter((key) => !ROW_FIELDS.includes(key));
  if (request === undefined || rest.length > 0) throw new Error(`${where}: not a row: ${JSON.stringify(row)}`);
  const tcp = request === 'TCP';
  const [method = '', path = '/'] = tcp ? ['GET', '/'] : request.split(' ');
  const as = row['as'] ?? 'shop/client';
  return {
    title: Object.entries(row)
      .map(([key, one]) => `${key}: ${typeof one === 'object' ? JSON.stringify(one) : String(one)}`)
      .join(', '),
    method,
    path,
    tcp,
    expect: expected(String(row[request])),
    identity: as === 'none' ? undefined : spiffeId(String(as)),
    from: String(row['from'] ?? '127.0.0.1'),
    headers: Object.entries(record(row['headers'] ?? {}, where)).flatMap(([name, values]) =>
      (Array.isArray(values) ? values : [values]).map((one: unknown): [string, string] => [name, String(one)]),
    ),
    host: String(row['host'] ?? 'server'),
    port: String(row['port'] ?? (tcp ? 'tcp' : 'http')),
    sni: row['sni'] === undefined ? undefined : String(row['sni']),
  };
}

/** `NAMESPACE/ACCOUNT` of the mesh's trust domain, or all of an ID's text after `spiffe://`. */
function spiffeId(as: string): string {
  const [namespace = '', account = '', ...rest] = as.split('/');
  return `spiffe://${rest.length > 0 ? as : `cluster.local/ns/${namespace}/sa/${account}`}`;
}

/** `allow`, `deny` (no policy lets it in), `deny p0[1]` or `deny istio-system/p0[1]` (that rule denies), or a status. */
function expected(text: string): Expected {
  const rule = /^deny(?: (?:([^/]+)\/)?([^[]+)\[(\d+)\])?$/.exec(text);
  if (rule !== null) {
    const [, namespace = NAMESPACE, name, index] = rule;
    return { kind: 'deny', policy: name === undefined ? 'none' : `ns[${namespace}]-policy[${name}]-rule[${index}]` };
  }
  if (text === 'allow') return { kind: 'allow' };
  if (/^\d{3}$/.test(text)) return { kind: 'status', status: text };
  throw new Error(`not an outcome: ${text}`);
}

function record(value: unknown, where: string): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new Error(`${where}: not a map`);
  return value as Readonly<Record<string, unknown>>;
}

function list(value: unknown, where: string): readonly unknown[] {
  if (!Array.isArray(value)) throw new Error(`${where}: a list is expected`);
  return value;
}

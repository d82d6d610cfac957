import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse, stringify } from 'yaml';
import { type Answer, answer } from '../support/scripted-upstream.js';
import { jwks, makeToken, type TokenSpec } from '../support/tokens.js';
import type { CallAnswer } from './http2-parts.js';

/** One case: configuration as a user of Istio writes it, requests, and what is expected of both proxies. */
export interface ConformanceCase {
  readonly name: string;
  /** YAML of any number of objects. `@NAME@` is the port of the upstream of that name, or of a listener that the case opens. */
  readonly config: string;
  /** Fields of MeshConfig, over the suite's own. */
  readonly mesh: Readonly<Record<string, unknown>>;
  readonly requests: readonly CaseRequest[];
  /** Statistics of clusters (`outbound|80||shop…: [upstream_rq_retry]`) whose growth must be the same on both sides. */
  readonly stats: Readonly<Record<string, readonly string[]>>;
}

/** Where a request enters: the outbound listener of the client, the inbound one of the server, or a port of the case's own. */
export type Entrance = 'outbound' | 'inbound' | `@${string}@`;

export interface CaseRequest {
  readonly to: Entrance;
  readonly method: string;
  readonly path: string;
  readonly host: string;
  readonly headers: readonly (readonly [string, string])[];
  readonly body: string;
  /** What goes before the request: a PROXY protocol header. */
  readonly prefix: string;
  /** Sent as it is in place of all the above; nothing is parsed in what comes back. */
  readonly raw: string | undefined;
  /** With `raw`: text whose arrival ends the exchange; until the end of the connection without it. */
  readonly until: string | undefined;
  /** By an HTTP/2 client with prior knowledge. */
  readonly http2: boolean;
  /** Messages of a gRPC call, which an HTTP/2 client makes. */
  readonly messages: readonly string[] | undefined;
  /** Of an extended CONNECT (RFC 8441): what the stream is going to speak; `body` goes first, `until` ends it. */
  readonly protocol: string | undefined;
  /** What the upstream `calls` answers to the first, second, … call; the last is repeated. */
  readonly calls: readonly CallAnswer[];
  /** The client's side of TLS. */
  readonly tls: CaseTls | undefined;
  /** Access log lines that it makes: one, unless it passes through two proxies of a side. */
  readonly logs: number;
  readonly answers: readonly Answer[];
  /** Requests that must have reached upstreams before the exchange is over, mirrored ones among them; their order is then of no account. */
  readonly reached: number;
  /** How often; with more than one, only the shares of the answers are compared (`share`). */
  readonly repeat: number;
  /** How many at the same time; with more than one, only how often each status and flag came is compared (`counts`). */
  readonly together: number;
  /** `{i}` in path, host, headers and body is the number of the repetition. */
  readonly expect: Expectation;
}

export interface CaseTls {
  readonly sni?: string;
  readonly alpn?: readonly string[];
  /** A client certificate: `client` of the authority that gateways trust, or `stranger`. */
  readonly certificate?: 'client' | 'stranger';
  readonly max?: 'TLSv1.2' | 'TLSv1.3';
  readonly min?: 'TLSv1.2' | 'TLSv1.3';
  readonly ciphers?: string;
}

/** What is known of Envoy, so that an agreement on nonsense fails. Everything is optional. */
export interface Expectation {
  readonly status?: number;
  readonly flags?: string;
  /** The upstream that answered; `none` when none was asked. With retries, all that were asked in order. */
  readonly upstream?: string | readonly string[];
  /** Response headers; `null` must be absent. */
  readonly headers?: Readonly<Record<string, string | null>>;
  /** Headers of the request as it reached the (last) upstream; `null` must be absent. */
  readonly received?: Readonly<Record<string, string | null>>;
  /** Path as it reached the upstream. */
  readonly path?: string;
  readonly body?: string;
  /** What came of the handshake (`TLSv1.3 h2 DNS:shop.example.com`), or `null` where none did. */
  readonly secured?: string | null;
  readonly connection?: string;
  /** With `together`: how often each `STATUS FLAGS` came. */
  readonly counts?: Readonly<Record<string, number>>;
  /** Of a raw exchange: what comes back. */
  readonly rest?: string;
  /** With `repeat`: how often each upstream (or status, where none answered) answers, from 0 to 1. */
  readonly share?: Readonly<Record<string, number>>;
  /** At least so many milliseconds pass; a lower bound, since nothing can be said about an upper one here. */
  readonly atLeastMs?: number;
}

const FOLDER = join(import.meta.dirname, 'cases');

export interface CaseFile {
  /** `routing/prefix`. */
  readonly name: string;
  readonly cases: readonly ConformanceCase[];
}

/** All case files, in order of name. Throws an Error that names file, case and field. */
export function readCases(folder = FOLDER): CaseFile[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.yaml'))
    .sort()
    .map((name) => {
      const text = readFileSync(join(folder, name), 'utf8');
      return { name: name.slice(0, -'.yaml'.length), cases: casesOf(parse(withTokens(text)), name) };
    });
}

/** Puts the tokens that a file describes, and sets of keys, into its text: `@jwt:NAME@`, `@jwks:KEY,KEY@`. */
function withTokens(text: string): string {
  if (!/^tokens:/m.test(text)) return text;
  const { tokens } = parse(text) as { readonly tokens: Readonly<Record<string, TokenSpec>> };
  const made = new Map(Object.entries(tokens).map(([name, spec]) => [name, makeToken(spec)]));
  return text
    .replaceAll(/@jwt:([A-Za-z0-9-]+)@/g, (_whole, name: string) => made.get(name) ?? `no token ${name}`)
    .replaceAll(/@jwks:([a-z0-9,]*)@/g, (_whole, names: string) => jwks(names.split(',')));
}

function casesOf(document: unknown, file: string): ConformanceCase[] {
  const {
    config: shared = '',
    mesh = {},
    rule,
    cases,
  } = fields(document, ['tokens', 'config', 'mesh', 'rule', 'cases'], file);
  if (!Array.isArray(cases)) throw new Error(`${file}: 'cases' is a list`);
  const names = new Set<string>();
  return cases.map((value: unknown) => {
    const one = fields(value, ['name', 'config', 'http', 'rule', 'mesh', 'requests', 'stats'], file);
    const name = String(one['name']);
    if (names.has(name)) throw new Error(`${file}: two cases are called '${name}'`);
    names.add(name);
    const where = `${file}: ${name}`;
    if (!Array.isArray(one['requests'])) throw new Error(`${where}: 'requests' is a list`);
    return {
      name,
      config: [shared, one['config'] ?? '', virtualService(one['http']), destinationRule(one['rule'] ?? rule)]
        .filter((text) => text !== '')
        .join('\n---\n'),
      mesh: { ...(mesh as object), ...((one['mesh'] as object | undefined) ?? {}) },
      requests: one['requests'].map((request: unknown) => requestOf(request, where)),
      stats: (one['stats'] as ConformanceCase['stats'] | undefined) ?? {},
    };
  });
}

/** `http` of a case: the routes of a VirtualService for `shop`. */
function virtualService(http: unknown): string {
  if (http === undefined) return '';
  const metadata = { name: 'shop', namespace: 'default' };
  return stringify({
    apiVersion: 'networking.istio.io/v1',
    kind: 'VirtualService',
    metadata,
    spec: { hosts: ['shop'], http },
  });
}

/** `rule` of a case, or else of its file: what a DestinationRule says about `shop`. */
function destinationRule(rule: unknown): string {
  if (rule === undefined || rule === null) return '';
  const metadata = { name: 'shop', namespace: 'default' };
  const spec = { host: 'shop', ...(rule as object) };
  return stringify({ apiVersion: 'networking.istio.io/v1', kind: 'DestinationRule', metadata, spec });
}

const REQUEST_FIELDS = [
  'http2',
  'messages',
  'protocol',
  'calls',
  'tls',
  'logs',
  'request',
  'to',
  'host',
  'headers',
  'body',
  'prefix',
  'raw',
  'until',
  'answers',
  'reached',
  'repeat',
  'together',
];
const EXPECTATIONS = [
  'secured',
  'connection',
  'status',
  'flags',
  'upstream',
  'headers',
  'received',
  'path',
  'body',
  'share',
  'counts',
  'rest',
  'atLeastMs',
];

/** `GET /path` alone, or its fields beside what is expected. */
function requestOf(value: unknown, where: string): CaseRequest {
  if (typeof value === 'string') return requestOf({ request: value }, where);
  const all = fields(value, [...REQUEST_FIELDS, 'expect'], where);
  const [method = 'GET', path = '/'] = String(all['request'] ?? 'GET /').split(' ');
  return {
    to: (all['to'] as Entrance | undefined) ?? 'outbound',
    method,
    path,
    host: String(all['host'] ?? 'shop'),
    headers: headersOf(all['headers']),
    body: String(all['body'] ?? ''),
    prefix: String(all['prefix'] ?? ''),
    raw: all['raw'] === undefined ? undefined : String(all['raw']),
    until: all['until'] === undefined ? undefined : String(all['until']),
    http2: all['http2'] === true || all['messages'] !== undefined || all['protocol'] !== undefined,
    messages: all['messages'] as readonly string[] | undefined,
    protocol: all['protocol'] as string | undefined,
    calls: (all['calls'] as readonly CallAnswer[] | undefined) ?? [{ status: 0 }],
    tls: all['tls'] as CaseTls | undefined,
    logs: Number(all['logs'] ?? (all['raw'] === undefined ? 1 : 0)),
    answers: ((all['answers'] as unknown[] | undefined) ?? [200]).map((one) => answerOf(one, where)),
    reached: Number(all['reached'] ?? 0),
    repeat: Number(all['repeat'] ?? 1),
    together: Number(all['together'] ?? 1),
    expect: fields(all['expect'] ?? {}, EXPECTATIONS, where) as Expectation,
  };
}

/** A map; a list of values gives several fields of the name. */
function headersOf(value: unknown): [string, string][] {
  return Object.entries((value as object | undefined) ?? {}).flatMap(([name, one]) =>
    (Array.isArray(one) ? one : [one]).map((each: unknown): [string, string] => [name, String(each)]),
  );
}

/** `503`, or `{status, body, headers}`, or `{early, steps}` as the scripted upstreams have them. */
function answerOf(value: unknown, where: string): Answer {
  if (typeof value === 'number') return answer(value);
  const { status, body, headers, early, steps } = fields(value, ['status', 'body', 'headers', 'early', 'steps'], where);
  if (Array.isArray(steps)) return { steps, early: early === true };
  return answer(Number(status ?? 200), String(body ?? ''), (headers as Record<string, string> | undefined) ?? {});
}

function fields(value: unknown, known: readonly string[], where: string): Record<string, unknown> {
  if (typeof value !== 'object' || value === null) throw new Error(`${where}: an object is expected here`);
  const unknown = Object.keys(value).filter((key) => !known.includes(key));
  if (unknown.length > 0) throw new Error(`${where}: unknown field ${unknown.join(', ')}; known: ${known.join(', ')}`);
  return value as Record<string, unknown>;
}

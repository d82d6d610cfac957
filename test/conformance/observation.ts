import { networkInterfaces } from 'node:os';
import type { WireMessage } from '../support/http-messages.js';
import type { RawResult } from '../support/raw-client.js';
import type { ReceivedRequest } from '../support/scripted-upstream.js';

/** All that the outside can see of one exchange, with what must differ (ports, dates, ids) replaced. */
export interface Observation {
  readonly responses: readonly WireMessage[];
  readonly rest: string;
  readonly secured?: string;
  readonly connection: RawResult['connection'];
  readonly upstream: readonly (WireMessage & { readonly at: string; readonly complete?: false })[];
  readonly log: readonly Readonly<Record<string, string>>[];
}

/** What the access log tells of every request in either proxy. */
export const LOG_FIELDS = {
  authority: '%REQ(:AUTHORITY)%',
  method: '%REQ(:METHOD)%',
  path: '%REQ(X-ENVOY-ORIGINAL-PATH?:PATH)%',
  protocol: '%PROTOCOL%',
  code: '%RESPONSE_CODE%',
  flags: '%RESPONSE_FLAGS%',
  details: '%RESPONSE_CODE_DETAILS%',
  termination: '%CONNECTION_TERMINATION_DETAILS%',
  route: '%ROUTE_NAME%',
  cluster: '%UPSTREAM_CLUSTER_RAW%',
  host: '%UPSTREAM_HOST%',
  attempts: '%UPSTREAM_REQUEST_ATTEMPT_COUNT%',
  received: '%BYTES_RECEIVED%',
  sent: '%BYTES_SENT%',
} as const;

/**
 * Headers by which a sidecar of the mesh tells who it is (Istio's peer metadata). A stock Envoy has no filter that adds
 * them, so there is nothing to compare.
 */
const ADDED_BY_MESH: ReadonlySet<string> = new Set(['x-envoy-peer-metadata', 'x-envoy-peer-metadata-id']);

/** A client on this machine is known by one of its addresses. */
const OWN: ReadonlySet<string> = new Set(
  Object.values(networkInterfaces()).flatMap((all) => (all ?? []).map(({ address }) => address)),
);

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

const TRACE_HEADERS: ReadonlySet<string> = new Set([
  'x-b3-traceid',
  'x-b3-spanid',
  'x-b3-parentspanid',
  'b3',
  'traceparent',
]);

/** Identifiers that a proxy made up; those that a case sends begin otherwise. */
const MADE_UP = /\b(?!463ac35c|a2fb4a1d)(?:[0-9a-f]{32}|[0-9a-f]{16})\b/g;

/** Replaces the ports of one side by names, and everything that two answers of one and the same proxy differ in. */
export class Normalizer {
  constructor(private readonly names: ReadonlyMap<number, string>) {}

  exchange(result: RawResult, received: readonly ReceivedRequest[], log: Observation['log']): Observation {
    return {
      responses: result.responses.map((response) => this.message(response)),
      rest: this.text(result.rest),
      ...(result.secured !== undefined && { secured: result.secured }),
      connection: result.connection,
      upstream: received.map((request) => ({
        ...this.message(request),
        at: request.at,
        ...(!request.complete && { complete: false }),
      })),
      log: log.map((line) => this.logLine(line, result.secured !== undefined)),
    };
  }

  /** How long a handshake is that is relayed depends on its signatures. */
  private logLine(line: Readonly<Record<string, string>>, tls: boolean): Readonly<Record<string, string>> {
    const relayed = tls && line['method'] === '-' ? { received: '<bytes>', sent: '<bytes>' } : {};
    const fields = Object.entries(line).map(([key, value]): [string, string] => [key, this.text(value)]);
    return { ...Object.fromEntries(fields), ...relayed };
  }

  private message(message: WireMessage): WireMessage {
    return {
      start: this.text(message.start),
      headers: this.fields(message.headers),
      body: this.text(message.body),
      trailers: this.fields(message.trailers),
    };
  }

  /** In lower case and sorted: Envoy lower-cases, and order between names has no meaning. */
  private fields(fields: WireMessage['headers']): (readonly [string, string])[] {
    return fields
      .map(([name, value]): [string, string] => [name.toLowerCase(), this.value(name.toLowerCase(), value)])
      .filter(([name]) => !ADDED_BY_MESH.has(name))
      .sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
  }

  private value(name: string, value: string): string {
    if (name === 'date' && !Number.isNaN(Date.parse(value))) return '<date>';
    if (name === 'x-forwarded-client-cert')
      return value.replaceAll(/Hash=[0-9a-f]{64}/g, 'Hash=<hash>').replaceAll(/Cert="[^"]*"/g, 'Cert="<pem>"');
    if (name === 'x-forwarded-for')
      return value.replaceAll(/[^,\s]+/g, (address) => (OWN.has(address) ? '<own>' : address));
    if (name === 'x-request-id' && UUID.test(value))
      return value.charAt(14) === '4' ? '<uuid>' : `<uuid ${value.charAt(14)}>`;
    if (TRACE_HEADERS.has(name)) return value.replace(MADE_UP, (id) => `<${id.length} digits>`);
    if (name === 'x-envoy-upstream-service-time' && /^\d+$/.test(value)) return '<ms>';
    // Of a later attempt what is left of the time is told, which depends on how long the first one took.
    if (name === 'x-envoy-expected-rq-timeout-ms') return String(Math.ceil(Number(value) / 1000) * 1000);
    return this.text(value);
  }

  text(text: string): string {
    let named = text;
    for (const [port, name] of this.names)
      named = named.replaceAll(`:${port}`, `:<${name}>`).replaceAll(`bound|${port}|`, `bound|<${name}>|`);
    // How the resolver and the TLS library of either put it.
    return named
      .replace(/\/\S*\/weft-mesh-\w+\//, '<folder>/')
      .replace(/dns_resolution_failure\{[^}]*\}/, 'dns_resolution_failure')
      .replace(/\|TLS_error:.*TLS_error_end/, '|TLS_error');
  }
}

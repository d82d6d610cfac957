import { routingClaim } from '../claims.js';
import { Code } from '../codes.js';
import { grpcStatusOf } from '../grpc-status.js';
import type {
  CorsPolicy,
  HeaderOperations,
  Headers,
  HttpFaultInjection,
  HttpMatchRequest,
  HttpMirrorPolicy,
  HttpRedirect,
  HttpRetry,
  HttpRewrite,
  HttpRoute,
  HttpRouteDestination,
  RouteDestination,
  TcpRoute,
  TlsRoute,
  VirtualServiceSpec,
} from '../kinds/virtual-service.js';
import { deprecated, object, required, unsupported } from '../schema/object.js';
import { childPath } from '../schema/path.js';
import type { Report } from '../schema/report.js';
import { bool, count32, duration, enumOf, httpStatus, int, port, regex, string } from '../schema/scalars.js';
import { isMapping, list, map, refine, type Schema } from '../schema/schema.js';
import { nearestName } from '../schema/suggest.js';
import {
  destination,
  exportTo,
  host,
  labels,
  nonEmpty,
  percentage,
  presenceMatch,
  stringMatch,
  text,
  texts,
} from './shared.js';

const HEADER_NAME = /^:?[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;

function checkHeaderName(name: string, path: string, report: Report): void {
  if (!HEADER_NAME.test(name)) report.error(path, `"${name}" is no header name`);
}

/** A header value that would end its line could smuggle another header. */
const headerValue = string({ max: 16_384, pattern: /^[^\r\n\0]*$/, shape: 'a header value without line breaks' });

/** In a match a claim of a token may stand in place of a header. */
const headerMatches = map(presenceMatch, {
  key(name, path, report) {
    if (routingClaim(name) === undefined) checkHeaderName(name, path, report);
  },
});

const httpMatch: Schema<HttpMatchRequest> = object<HttpMatchRequest>(
  {
    name: text,
    uri: stringMatch,
    scheme: stringMatch,
    method: stringMatch,
    authority: stringMatch,
    headers: headerMatches,
    port,
    sourceLabels: labels,
    gateways: texts,
    queryParams: map(presenceMatch),
    ignoreUriCase: bool,
    withoutHeaders: headerMatches,
    sourceNamespace: text,
    statPrefix: text,
  },
  { unknownFields: 'mark', marksUnknown: true },
);

const headerOperations: Schema<HeaderOperations> = object<HeaderOperations>({
  set: map(headerValue, { key: checkHeaderName }),
  add: map(headerValue, { key: checkHeaderName }),
  remove: list(refine(nonEmpty, (name, path, report) => checkHeaderName(name, path, report))),
});

/** Istio leaves them alone too, but for the authority of a request. */
function checkPseudoHeaders({ request, response }: Headers, path: string, report: Report): void {
  for (const [side, operations] of Object.entries({ request, response })) {
    for (const [kind, names] of Object.entries({
      set: Object.keys(operations?.set ?? {}),
      add: Object.keys(operations?.add ?? {}),
      remove: operations?.remove ?? [],
    })) {
      for (const name of names) {
        const authority = name.toLowerCase() === 'host' || name === ':authority';
        if ((!authority && !name.startsWith(':')) || (authority && side === 'request' && kind !== 'remove')) continue;
        report.warn(
          Code.unsupportedField,
          childPath(childPath(path, side), kind),
          `"${name}" cannot be changed by this: it has no effect`,
        );
      }
    }
  }
}

export const headers: Schema<Headers> = object<Headers>(
  { request: headerOperations, response: headerOperations },
  { check: checkPseudoHeaders },
);

const httpRouteDestination: Schema<HttpRouteDestination> = object<HttpRouteDestination>({
  destination: required(destination),
  weight: count32,
  headers,
});

const redirect: Schema<HttpRedirect> = object<HttpRedirect>(
  {
    uri: text,
    authority: text,
    port,
    derivePort: enumOf('FROM_PROTOCOL_DEFAULT', 'FROM_REQUEST_PORT'),
    scheme: text,
    redirectCode: refine(int(0, 399), (code, path, report) => {
      if (![0, 301, 302, 303, 307, 308].includes(code)) {
        report.error(path, `must be 301, 302, 303, 307 or 308, which Envoy can answer with, got ${code}`);
      }
    }),
    prefixRewrite: text,
  },
  {
    atMostOne: [
      ['port', 'derivePort'],
      ['uri', 'prefixRewrite'],
    ],
  },
);

const rewrite: Schema<HttpRewrite> = object<HttpRewrite>(
  {
    uri: text,
    authority: text,
    uriRegexRewrite: object<NonNullable<HttpRewrite['uriRegexRewrite']>>({ match: regex, rewrite: text }),
  },
  { atMostOne: [['uri', 'uriRegexRewrite']] },
);

const RETRY_CONDITIONS = [
  '5xx',
  'gateway-error',
  'reset',
  'reset-before-request',
  'connect-failure',
  'envoy-ratelimited',
  'retriable-4xx',
  'refused-stream',
  'retriable-status-codes',
  'retriable-headers',
  'http3-post-connect-failure',
  'cancelled',
  'deadline-exceeded',
  'internal',
  'resource-exhausted',
  'unavailable',
];

const retryOn = refine(text, (value, path, report) => {
  for (const condition of value.split(',').map((part) => part.trim())) {
    if (condition === '' || RETRY_CONDITIONS.includes(condition) || /^[1-5]\d\d$/.test(condition)) continue;
    const nearest = nearestName(condition, RETRY_CONDITIONS);
    const hint = nearest === undefined ? '' : `; did you mean "${nearest}"?`;
    report.error(path, `"${condition}" is no retry condition and no status code${hint}`);
  }
});

export const retries: Schema<HttpRetry> = object<HttpRetry>({
  attempts: count32,
  perTryTimeout: duration,
  retryOn,
  retryRemoteLocalities: bool,
  retryIgnorePreviousHosts: bool,
  backoff: duration,
});

type Delay = NonNullable<HttpFaultInjection['delay']>;
type Abort = NonNullable<HttpFaultInjection['abort']>;

const fault: Schema<HttpFaultInjection> = object<HttpFaultInjection>({
  delay: object<Delay>(
    {
      percent: deprecated(int(0, 100), 'use percentage'),
      fixedDelay: duration,
      exponentialDelay: unsupported(duration, 'as under Istio no delay is injected'),
      percentage,
    },
    { exactlyOne: [['fixedDelay', 'exponentialDelay']] },
  ),
  abort: object<Abort>(
    {
      httpStatus,
      grpcStatus: refine(text, (value, path, report) => {
        if (grpcStatusOf(value) === undefined) {
          report.error(path, `must be the name or the number of a gRPC status (UNAVAILABLE, 14), got "${value}"`);
        }
      }),
      http2Error: unsupported(text, 'as under Istio nothing is aborted'),
      percentage,
    },
    { exactlyOne: [['httpStatus', 'grpcStatus', 'http2Error']] },
  ),
});

const mirrorPolicy: Schema<HttpMirrorPolicy> = object<HttpMirrorPolicy>({
  destination: required(destination),
  percentage,
});

const cors: Schema<CorsPolicy> = object<CorsPolicy>({
  allowOrigin: deprecated(texts, 'use allowOrigins'),
  allowOrigins: list(stringMatch),
  allowMethods: texts,
  allowHeaders: texts,
  exposeHeaders: texts,
  maxAge: duration,
  allowCredentials: bool,
  unmatchedPreflights: enumOf('UNSPECIFIED', 'FORWARD', 'IGNORE'),
});

const httpRouteFields: Schema<HttpRoute> = object<HttpRoute>(
  {
    name: text,
    match: list(httpMatch),
    route: list(httpRouteDestination),
    redirect,
    directResponse: object<NonNullable<HttpRoute['directResponse']>>({
      status: required(int(200, 599)),
      body: object<{ readonly string?: string; readonly bytes?: string }>(
        {
          string: string({ max: 1_048_576 }),
          bytes: string({ max: 1_398_104, pattern: /^[A-Za-z0-9+/]*={0,2}$/, shape: 'base64' }),
        },
        { atMostOne: [['string', 'bytes']] },
      ),
    }),
    delegate: object<NonNullable<HttpRoute['delegate']>>({ name: required(nonEmpty), namespace: text }),
    rewrite,
    timeout: duration,
    retries,
    fault,
    mirror: destination,
    mirrors: list(mirrorPolicy),
    mirrorPercent: deprecated(int(0, 100), 'use mirrorPercentage'),
    mirrorPercentage: percentage,
    corsPolicy: cors,
    headers,
  },
  { aliases: { mirror_percent: 'mirrorPercent' }, atMostOne: [['mirror', 'mirrors']], check: checkRoute },
);

function checkRoute(route: HttpRoute, path: string, report: Report): void {
  const actions = [
    route.route !== undefined && route.route.length > 0 ? 'route' : undefined,
    route.redirect === undefined ? undefined : 'redirect',
    route.directResponse === undefined ? undefined : 'directResponse',
    route.delegate === undefined ? undefined : 'delegate',
  ].filter((action) => action !== undefined);
  if (actions.length !== 1) {
    report.error(
      path,
      `must have exactly one of route, redirect, directResponse or delegate, got ${actions.join(' and ') || 'none'}`,
    );
  }
  if (route.redirect !== undefined) {
    if (route.fault !== undefined) report.error(childPath(path, 'fault'), 'cannot be combined with redirect');
    if (route.rewrite !== undefined) report.error(childPath(path, 'rewrite'), 'cannot be combined with redirect');
  }
}

/** A mistyped `match` must not make its route match everything: the route is given one that never matches. */
const httpRoute: Schema<HttpRoute> = {
  ...httpRouteFields,
  parse(value, path, report) {
    const route = httpRouteFields.parse(value, path, report);
    if (route === undefined || route.match !== undefined || !isMapping(value)) return route;
    const mistyped = Object.keys(value).find((key) => key !== 'match' && nearestName(key, ROUTE_FIELDS) === 'match');
    if (mistyped === undefined) return route;
    report.warn(
      Code.unknownField,
      childPath(path, mistyped),
      'is taken for a mistyped "match": the route never matches',
    );
    return { ...route, match: [{ unknownMatch: true }] };
  },
};

const ROUTE_FIELDS = [
  'name',
  'match',
  'route',
  'redirect',
  'directResponse',
  'delegate',
  'rewrite',
  'timeout',
  'retries',
  'fault',
  'mirror',
  'mirrors',
  'mirrorPercent',
  'mirrorPercentage',
  'corsPolicy',
  'headers',
];

const routeDestination: Schema<RouteDestination> = object<RouteDestination>({
  destination: required(destination),
  weight: count32,
});

const tlsRoute: Schema<TlsRoute> = object<TlsRoute>({
  match: required(
    list(
      object<TlsRoute['match'][number]>({
        sniHosts: required(list(host, { min: 1 })),
        destinationSubnets: texts,
        port,
        sourceLabels: labels,
        gateways: texts,
        sourceNamespace: text,
      }),
      { min: 1 },
    ),
  ),
  route: list(routeDestination),
});

const tcpRoute: Schema<TcpRoute> = object<TcpRoute>({
  match: list(
    object<NonNullable<TcpRoute['match']>[number]>({
      destinationSubnets: texts,
      port,
      sourceSubnet: text,
      sourceLabels: labels,
      gateways: texts,
      sourceNamespace: text,
    }),
  ),
  route: list(routeDestination),
});

/** VirtualService (networking.istio.io). */
export const virtualService: Schema<VirtualServiceSpec> = object<VirtualServiceSpec>(
  {
    hosts: list(host),
    gateways: texts,
    http: list(httpRoute),
    tls: list(tlsRoute),
    tcp: list(tcpRoute),
    exportTo,
  },
  {
    check(spec, path, report) {
      if (spec.http === undefined && spec.tls === undefined && spec.tcp === undefined) {
        report.error(path, 'must have http, tls or tcp routes');
      }
    },
  },
);

import type { Clock } from '../../../common/runtime/clock.js';
import type { ExtAuthz__Output } from '../../../proto/gen/envoy/extensions/filters/http/ext_authz/v3/ExtAuthz.js';
import type { ExtAuthzPerRoute__Output } from '../../../proto/gen/envoy/extensions/filters/http/ext_authz/v3/ExtAuthzPerRoute.js';
import { FLAG } from '../../http/flags.js';
import { statusNumber } from '../../http/status-name.js';
import type { LocalReply } from '../../http/stream.js';
import type { ServiceClient } from '../../router/forward/service-call.js';
import { compileMetadataMatcher, type MetadataTest } from '../../router/matchers/metadata-matcher.js';
import type { Issues } from '../../snapshot/issues.js';
import type { Clusters } from '../../upstream/cluster.js';
import type { Counter, CounterSource } from '../counter.js';
import type { HttpFilterFactory } from '../factory.js';
import { FILTER_DISABLED, type FilterContext, type HttpFilter } from '../filter.js';
import type { Authorizer, CheckSubject } from './check.js';
import { compileGrpcCheck, grpcAuthorizer } from './grpc-service.js';
import { compileHeaderTest } from './header-tests.js';
import { compileHttpService } from './http-service.js';
import {
  applyHeaders,
  changeRequest,
  changesRequest,
  type HeaderChange,
  type Permit,
  type Verdict,
} from './verdict.js';

/** How much of a body goes along. */
interface BodyRules {
  readonly maxBytes: number;
  readonly partial: boolean;
}

interface Settings {
  readonly ask: Authorizer;
  readonly body: BodyRules | undefined;
  readonly failOpen: boolean;
  readonly failureHeader: boolean;
  readonly statusOnError: number;
  readonly clearRouteCache: boolean;
  /** undefined asks about every request. */
  readonly enabled: MetadataTest | undefined;
}

interface AuthzCounters {
  readonly ok: Counter;
  readonly denied: Counter;
  readonly error: Counter;
  readonly disabled: Counter;
  readonly failureModeAllowed: Counter;
}

interface AuthzDeps {
  readonly clusters: Clusters;
  readonly clock: Clock;
  readonly services: ServiceClient;
  readonly counters: CounterSource;
}

/** Filter envoy.filters.http.ext_authz: another service decides, asked by HTTP or gRPC. */
export function extAuthzFactory(deps: AuthzDeps): HttpFilterFactory {
  return {
    compile(message: ExtAuthz__Output, place, issues) {
      const settings = compileSettings(message, deps, issues);
      const infix = (message.stat_prefix ?? '') === '' ? '' : `${message.stat_prefix}.`;
      const prefix = `${place.statPrefix === '' ? '' : `http.${place.statPrefix}.`}ext_authz.${infix}`;
      const charge = message.charge_cluster_response_stats?.value !== false;
      const count = (cluster: string, status: number): void => {
        if (charge && cluster !== '') deps.clusters.get(cluster)?.traffic.internal.count(status);
      };
      return authzFilter(place.name, settings, authzCounters(prefix, deps.counters), count);
    },
  };
}

/** Compiles ExtAuthzPerRoute: a route may be left alone, or its bodies. */
export function compileExtAuthzPerRoute(
  message: ExtAuthzPerRoute__Output,
  issues: Issues,
): typeof FILTER_DISABLED | { readonly withoutBody: boolean } {
  if (message.disabled === true) return FILTER_DISABLED;
  const settings = message.check_settings ?? {};
  issues.at('check_settings').refuse(settings, ['context_extensions', 'with_request_body']);
  return { withoutBody: settings.disable_request_body_buffering === true };
}

export function authzCounters(prefix: string, counters: CounterSource): AuthzCounters {
  return {
    ok: counters(`${prefix}ok`),
    denied: counters(`${prefix}denied`),
    error: counters(`${prefix}error`),
    disabled: counters(`${prefix}disabled`),
    failureModeAllowed: counters(`${prefix}failure_mode_allowed`),
  };
}

const REFUSED = [
  'metadata_context_namespaces',
  'typed_metadata_context_namespaces',
  'route_metadata_context_namespaces',
  'route_typed_metadata_context_namespaces',
  'filter_enabled',
  'deny_at_disable',
  'bootstrap_metadata_labels_key',
  'encode_raw_headers',
  'validate_mutations',
] as const satisfies readonly (keyof ExtAuthz__Output)[];

function compileSettings(message: ExtAuthz__Output, deps: AuthzDeps, issues: Issues): Settings {
  issues.refuse(message, REFUSED);
  const { with_request_body: body, filter_enabled_metadata: enabled } = message;
  if (body !== undefined && (body.max_request_bytes ?? 0) === 0) {
    issues.at('with_request_body').at('max_request_bytes').error('must be above 0');
  }
  return {
    ask: compileAuthorizer(message, deps, issues),
    body:
      body === undefined
        ? undefined
        : { maxBytes: body.max_request_bytes ?? 0, partial: body.allow_partial_message === true },
    failOpen: message.failure_mode_allow === true,
    failureHeader: message.failure_mode_allow_header_add === true,
    statusOnError: statusNumber(message.status_on_error?.code) ?? 403,
    clearRouteCache: message.clear_route_cache === true,
    enabled: enabled === undefined ? undefined : compileMetadataMatcher(enabled, issues.at('filter_enabled_metadata')),
  };
}

function compileAuthorizer(message: ExtAuthz__Output, deps: AuthzDeps, issues: Issues): Authorizer {
  const allowed = compileHeaderTest(message.allowed_headers, issues.at('allowed_headers'));
  const disallowed = compileHeaderTest(message.disallowed_headers, issues.at('disallowed_headers'));
  if (message.http_service !== undefined) {
    return compileHttpService(message.http_service, allowed, deps, issues.at('http_service'));
  }
  return grpcAuthorizer(compileGrpcCheck(message.grpc_service, deps.services, issues.at('grpc_service')), {
    allowed,
    disallowed,
    packAsBytes: message.with_request_body?.pack_as_bytes === true,
    peerCertificate: message.include_peer_certificate === true,
    tlsSession: message.include_tls_session === true,
  });
}

type Call = Parameters<NonNullable<CheckSubject['onCall']>>[0];

const TOO_LARGE: LocalReply = {
  status: 413,
  body: 'Payload Too Large',
  details: 'request_payload_too_large',
  flags: 0,
  closes: true,
};

function authzFilter(
  name: string,
  settings: Settings,
  counters: AuthzCounters,
  /** A denial is an answer of the cluster that the request was going to. */
  countAnswer: (cluster: string, status: number) => void,
): HttpFilter {
  /** What permits add to responses. */
  const additions = new WeakMap<FilterContext, readonly HeaderChange[]>();
  /** Checks under way: nobody needs their answer once the client has left. */
  const calls = new WeakMap<FilterContext, Call>();
  const left = new WeakSet<FilterContext>();
  const decide = async (context: FilterContext, body: BodyRules | undefined): Promise<LocalReply | undefined> => {
    const beginning = body === undefined ? undefined : await context.bodyBeginning?.(body.maxBytes);
    if (beginning !== undefined && body?.partial === false && beginning.data.length > body.maxBytes) return TOO_LARGE;
    const { request, info } = context;
    const sent =
      beginning === undefined || body === undefined
        ? undefined
        : { data: beginning.data.subarray(0, body.maxBytes), partial: beginning.data.length > body.maxBytes };
    const onCall = (call: Call): void => void calls.set(context, call);
    const subject: CheckSubject = { request, info, connection: info.connection, body: sent, onCall };
    const verdict = await settings.ask(subject);
    calls.delete(context);
    // One that was given up says nothing about the service, and there is nobody to answer.
    return left.has(context) ? undefined : reply(context, verdict);
  };
  const reply = (context: FilterContext, verdict: Verdict): LocalReply | undefined => {
    if (verdict.kind === 'error') return onError(context);
    if (verdict.kind === 'denied') {
      counters.denied.increment();
      const { status, body, headers } = verdict;
      countAnswer(context.info.clusterName, status);
      return { status, body, headers, details: 'ext_authz_denied', flags: FLAG.UAEX };
    }
    counters.ok.increment();
    permit(context, verdict);
    return undefined;
  };
  const onError = ({ request }: FilterContext): LocalReply | undefined => {
    counters.error.increment();
    if (!settings.failOpen) {
      return { status: settings.statusOnError, body: '', details: 'ext_authz_error', flags: FLAG.UAEX };
    }
    counters.failureModeAllowed.increment();
    if (settings.failureHeader) request.headers.set('x-envoy-auth-failure-mode-allowed', 'true');
    return undefined;
  };
  const permit = (context: FilterContext, verdict: Permit): void => {
    changeRequest(context.request, verdict);
    if (settings.clearRouteCache && changesRequest(verdict)) context.clearRoute?.();
    if (verdict.response.length > 0) additions.set(context, verdict.response);
  };
  return {
    name,
    guards: true,
    onRequest(context) {
      if (settings.enabled !== undefined && !settings.enabled(context.info.metadata)) {
        counters.disabled.increment();
        return undefined;
      }
      const route = context.route()?.filterConfig(name) as { readonly withoutBody: boolean } | undefined;
      const bodyless = context.requestEnded === true || (context.upgrade ?? '') !== '' || route?.withoutBody === true;
      return decide(context, bodyless ? undefined : settings.body);
    },
    onResponse(context, response) {
      const added = additions.get(context);
      if (added !== undefined) applyHeaders(response.headers, added);
    },
    onComplete(context) {
      const call = calls.get(context);
      if (call === undefined) return;
      left.add(context);
      call.cancel();
    },
  };
}

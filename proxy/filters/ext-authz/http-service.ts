import type { Clock } from '../../../common/runtime/clock.js';
import type { HttpService__Output } from '../../../proto/gen/envoy/extensions/filters/http/ext_authz/v3/HttpService.js';
import type { HeaderList } from '../../http/headers.js';
import type { ServiceAnswer, ServiceClient } from '../../router/forward/service-call.js';
import type { StringTest } from '../../router/matchers/regex.js';
import type { Issues } from '../../snapshot/issues.js';
import { durationMs } from '../../snapshot/wire-values.js';
import { type Authorizer, allHeaders, type CheckSubject } from './check.js';
import { compileHeaderTest } from './header-tests.js';
import type { HeaderChange, Verdict } from './verdict.js';

/** Header that names request headers to take away; it is the service's word to us alone. */
const HEADERS_TO_REMOVE = 'x-envoy-auth-headers-to-remove';
/** Passed on whatever `allowed_headers` says. */
const ALWAYS_SENT: ReadonlySet<string> = new Set(['authorization']);
/** Of a denial, whatever `allowed_client_headers` says. */
const ALWAYS_TOLD: ReadonlySet<string> = new Set(['www-authenticate', 'location', 'content-type']);
/** What our own answer has anyway. */
const OWN: ReadonlySet<string> = new Set(['content-length', 'transfer-encoding', 'connection', 'host', 'keep-alive']);

interface AnswerRules {
  readonly upstream: StringTest | undefined;
  readonly upstreamAppend: StringTest | undefined;
  readonly onDeny: StringTest | undefined;
  readonly onAllow: StringTest | undefined;
}

/** An authorization service over HTTP: the request's method, path and some headers go to it; 200 lets the request through. */
export function compileHttpService(
  message: HttpService__Output,
  allowed: StringTest | undefined,
  { services, clock }: { readonly services: ServiceClient; readonly clock: Clock },
  issues: Issues,
): Authorizer {
  const cluster = message.server_uri?.cluster ?? '';
  if (cluster === '') issues.at('server_uri').at('cluster').error('is missing');
  const timeoutMs = durationMs(message.server_uri?.timeout) ?? 0;
  const prefix = message.path_prefix ?? '';
  const added = (message.authorization_request?.headers_to_add ?? []).map(
    ({ key = '', value = '' }): [string, string] => [key.toLowerCase(), value],
  );
  const answer = message.authorization_response ?? {};
  const at = issues.at('authorization_response');
  const rules: AnswerRules = {
    upstream: compileHeaderTest(answer.allowed_upstream_headers, at.at('allowed_upstream_headers')),
    upstreamAppend: compileHeaderTest(answer.allowed_upstream_headers_to_append, at.at('allowed_upstream_headers')),
    onDeny: compileHeaderTest(answer.allowed_client_headers, at.at('allowed_client_headers')),
    onAllow: compileHeaderTest(answer.allowed_client_headers_on_success, at.at('allowed_client_headers_on_success')),
  };
  // As Envoy's own requests say it.
  const timeout: readonly [string, string] = ['x-envoy-expected-rq-timeout-ms', String(timeoutMs)];
  return async (subject) => {
    const { request, body } = subject;
    const started = clock.monotonic();
    try {
      const call = services.start({
        cluster,
        method: request.method,
        path: `${prefix}${request.path}`,
        authority: request.authority,
        headers: [...sentHeaders(subject, allowed, added), ['x-envoy-internal', 'true'], timeout],
        body: body?.data ?? NO_BODY,
        timeoutMs,
      });
      subject.onCall?.(call);
      const result = await call.answer;
      return verdictOf(result, rules, Math.round(clock.monotonic() - started));
    } catch (error) {
      return { kind: 'error', reason: error instanceof Error ? error.message : String(error) };
    }
  };
}

const NO_BODY = Buffer.alloc(0);

function sentHeaders(
  subject: CheckSubject,
  allowed: StringTest | undefined,
  added: readonly (readonly [string, string])[],
): (readonly [string, string])[] {
  const own = new Set(added.map(([name]) => name));
  const sent = [...allHeaders(subject)].filter(
    ([name]) =>
      !name.startsWith(':') &&
      name !== 'content-length' &&
      !own.has(name) &&
      (ALWAYS_SENT.has(name) || name === 'x-envoy-auth-partial-body' || allowed?.(name) === true),
  );
  return [...sent, ...added];
}

function verdictOf({ status, headers, body }: ServiceAnswer, rules: AnswerRules, tookMs: number): Verdict {
  if (status >= 500) return { kind: 'error', reason: `the service answered ${status}` };
  const fields = fieldsOf(headers);
  if (status === 200) {
    return {
      kind: 'ok',
      request: [
        ...changes(fields, rules.upstream, 'set'),
        ...changes(fields, rules.upstreamAppend, 'append-if-exists'),
      ],
      remove: headers
        .all(HEADERS_TO_REMOVE)
        .flatMap((list) => list.split(','))
        .map((name) => name.trim().toLowerCase())
        .filter((name) => name !== ''),
      response: changes(fields, rules.onAllow, 'add'),
      query: { set: [], remove: [] },
    };
  }
  const told = (name: string): boolean => rules.onDeny === undefined || ALWAYS_TOLD.has(name) || rules.onDeny(name);
  return {
    kind: 'denied',
    status,
    body: body.toString(),
    headers: [...fields, ['x-envoy-upstream-service-time', String(tookMs)] as const].filter(
      ([name]) => !OWN.has(name) && told(name),
    ),
  };
}

function changes(
  fields: readonly (readonly [string, string])[],
  test: StringTest | undefined,
  action: HeaderChange['action'],
): HeaderChange[] {
  if (test === undefined) return [];
  return fields
    .filter(([name]) => name !== HEADERS_TO_REMOVE && test(name))
    .map(([name, value]) => ({ name, value, action }));
}

function fieldsOf(headers: HeaderList): (readonly [string, string])[] {
  return Array.from({ length: headers.size }, (_, i) => [headers.keyAt(i), headers.valueAt(i)] as const);
}

import type { _envoy_config_route_v3_RouteAction_HashPolicy__Output as HashPolicyMessage } from '../../../proto/gen/envoy/config/route/v3/RouteAction.js';
import { interned } from '../../http/interned.js';
import type { RequestHead } from '../../http/message.js';
import type { Issues } from '../../snapshot/issues.js';
import { durationMs } from '../../snapshot/wire-values.js';
import { parseQuery } from '../matchers/query-matcher.js';
import { compileSubstitution } from '../matchers/regex.js';
import type { HashPolicy } from '../route.js';

/** Compiles one HashPolicy of a RouteAction; undefined after an error. */
export function compileHashPolicy(message: HashPolicyMessage, issues: Issues): HashPolicy | undefined {
  const terminal = message.terminal === true;
  if (message.header !== undefined) return headerPolicy(message.header, terminal, issues.at('header'));
  if (message.cookie !== undefined) return cookiePolicy(message.cookie, terminal);
  if (message.connection_properties !== undefined) {
    const useIp = message.connection_properties.source_ip === true;
    return { terminal, key: (_request, info) => (useIp ? info.clientIp || info.connection.remoteIp : undefined) };
  }
  if (message.query_parameter !== undefined) {
    const name = message.query_parameter.name ?? '';
    return { terminal, key: (request) => parseQuery(request.path).get(name) };
  }
  issues.error('this kind of hash policy is not supported');
  return undefined;
}

function headerPolicy(
  message: NonNullable<HashPolicyMessage['header']>,
  terminal: boolean,
  issues: Issues,
): HashPolicy | undefined {
  const key = interned((message.header_name ?? '').toLowerCase());
  const read = key === ':path' || key === ':authority' || key === 'host' || key === ':method' ? pseudo(key) : undefined;
  const value = read ?? ((request: RequestHead) => severalOrOne(request.headers.all(key)));
  if (message.regex_rewrite === undefined) return { terminal, key: value };
  const substitute = compileSubstitution(message.regex_rewrite, issues.at('regex_rewrite'));
  if (substitute === undefined) return undefined;
  return {
    terminal,
    key(request) {
      const text = value(request);
      if (text === undefined) return undefined;
      return typeof text === 'string' ? substitute(text) : text.map(substitute).sort();
    },
  };
}

/** In an order that does not depend on how they came. */
function severalOrOne(values: readonly string[]): string | readonly string[] | undefined {
  return values.length < 2 ? values[0] : [...values].sort();
}

function pseudo(key: string): (request: RequestHead) => string {
  if (key === ':path') return (request) => request.path;
  return key === ':method' ? (request) => request.method : (request) => request.authority;
}

function cookiePolicy(message: NonNullable<HashPolicyMessage['cookie']>, terminal: boolean): HashPolicy {
  const name = message.name ?? '';
  const ttl = durationMs(message.ttl);
  const policy = { terminal, key: (request: RequestHead) => cookieValue(request, name) };
  if (ttl === undefined) return policy;
  const attributes = (message.attributes ?? []).map(({ name: key = '', value = '' }) =>
    value === '' ? `; ${key}` : `; ${key}=${value}`,
  );
  return {
    ...policy,
    generateCookie: {
      name,
      path: message.path ?? '',
      ttlSeconds: Math.floor(ttl / 1000),
      ...(attributes.length > 0 && { attributes: attributes.join('') }),
    },
  };
}

/** Value of a cookie of the request (RFC 6265 section 5.4), without quotes around it. */
function cookieValue(request: RequestHead, name: string): string | undefined {
  for (const line of request.headers.all('cookie')) {
    for (const pair of line.split(';')) {
      const equals = pair.indexOf('=');
      if (equals < 0 || pair.slice(0, equals).trim() !== name) continue;
      return pair
        .slice(equals + 1)
        .trim()
        .replace(/^"(.*)"$/, '$1');
    }
  }
  return undefined;
}

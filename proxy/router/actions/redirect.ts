import type { RedirectAction__Output } from '../../../proto/gen/envoy/config/route/v3/RedirectAction.js';
import type { RequestHead } from '../../http/message.js';
import type { Issues } from '../../snapshot/issues.js';
import type { CompiledMatch } from '../matchers/route-match.js';
import type { RedirectAction } from '../route.js';
import { compilePathRewrite } from './rewrite.js';

const STATUS = {
  MOVED_PERMANENTLY: 301,
  FOUND: 302,
  SEE_OTHER: 303,
  TEMPORARY_REDIRECT: 307,
  PERMANENT_REDIRECT: 308,
} as const;

/** Compiles a RedirectAction. */
export function compileRedirect(message: RedirectAction__Output, match: CompiledMatch, issues: Issues): RedirectAction {
  const rewrite = compilePathRewrite(message, match, issues);
  const status = STATUS[message.response_code ?? 'MOVED_PERMANENTLY'];
  const scheme = message.https_redirect === true ? 'https' : (message.scheme_redirect ?? '');
  const port = message.port_redirect === undefined || message.port_redirect === 0 ? '' : `:${message.port_redirect}`;
  const host = message.host_redirect ?? '';
  const path = message.path_redirect ?? '';
  return {
    kind: 'redirect',
    status,
    location(request) {
      const newScheme = scheme === '' ? schemeOf(request) : scheme;
      const newHost = host === '' ? ownHost(request, newScheme, port) : host;
      return `${newScheme}://${newHost}${port}${newPath(request.path)}`;
    },
  };

  function newPath(current: string): string {
    if (path !== '') {
      // A query of the redirect's own replaces the request's.
      return path.includes('?') || message.strip_query === true ? path : path + queryOf(current);
    }
    const rewritten = rewrite === undefined ? current : rewrite(current);
    if (message.strip_query !== true) return rewritten;
    const question = rewritten.indexOf('?');
    return question < 0 ? rewritten : rewritten.slice(0, question);
  }
}

/** What the client used, as the proxies before us tell. */
export function schemeOf(request: RequestHead): string {
  return request.headers.get('x-forwarded-proto') ?? request.scheme;
}

function queryOf(path: string): string {
  const question = path.indexOf('?');
  return question < 0 ? '' : path.slice(question);
}

/** The request's host; its port goes when another is set, or when it is the old scheme's own and the scheme changes. */
function ownHost(request: RequestHead, newScheme: string, newPort: string): string {
  const host = request.authority;
  const colon = portStart(host);
  if (colon < 0) return host;
  const port = host.slice(colon);
  const oldScheme = schemeOf(request);
  const implied = newScheme !== oldScheme && port === (oldScheme === 'https' ? ':443' : ':80');
  return newPort !== '' || implied ? host.slice(0, colon) : host;
}

/** Position of the colon before an authority's port, -1 without one; an IPv6 address stands in brackets. */
export function portStart(authority: string): number {
  const colon = authority.lastIndexOf(':');
  if (colon < 0 || authority.indexOf(']') > colon) return -1;
  if (authority.indexOf(':') !== colon && !authority.includes(']')) return -1;
  return /^\d+$/.test(authority.slice(colon + 1)) ? colon : -1;
}

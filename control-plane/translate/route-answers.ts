import type { RedirectAction } from '../../proto/gen/envoy/config/route/v3/RedirectAction.js';
import type { Route } from '../../proto/gen/envoy/config/route/v3/Route.js';
import type { HttpDirectResponse, HttpRedirect } from '../api/kinds/virtual-service.js';

const REDIRECT_CODES: Readonly<Record<number, RedirectAction['response_code']>> = {
  301: 'MOVED_PERMANENTLY',
  302: 'FOUND',
  303: 'SEE_OTHER',
  307: 'TEMPORARY_REDIRECT',
  308: 'PERMANENT_REDIRECT',
};
const PREFIX_MARK = '%PREFIX()%';

/** `port` is the one that clients addressed, `tls` whether they did so by TLS. */
export function redirectAction(redirect: HttpRedirect, port: number, tls = false): RedirectAction {
  const code = REDIRECT_CODES[redirect.redirectCode || 301];
  const target = redirectPort(redirect, port, tls);
  const prefix =
    redirect.prefixRewrite ??
    (redirect.uri?.startsWith(PREFIX_MARK) ? redirect.uri.slice(PREFIX_MARK.length) : undefined);
  return {
    ...(redirect.authority !== undefined && { host_redirect: redirect.authority }),
    ...(redirect.scheme !== undefined && { scheme_redirect: redirect.scheme }),
    ...(target !== undefined && { port_redirect: target }),
    ...(prefix !== undefined
      ? { prefix_rewrite: prefix }
      : redirect.uri !== undefined && { path_redirect: redirect.uri }),
    ...(code !== undefined && { response_code: code }),
  };
}

/** The port of the Location; undefined leaves it out, as for the scheme's own port. */
function redirectPort(redirect: HttpRedirect, port: number, tls: boolean): number | undefined {
  const target = redirect.port ?? (redirect.derivePort === 'FROM_REQUEST_PORT' ? port : undefined);
  const scheme = redirect.scheme || (tls ? 'https' : 'http');
  const standard = scheme === 'https' ? 443 : scheme === 'http' ? 80 : undefined;
  return target === standard ? undefined : target;
}

export function directResponse({ status, body }: HttpDirectResponse): NonNullable<Route['direct_response']> {
  if (body?.string !== undefined) return { status, body: { inline_string: body.string } };
  if (body?.bytes !== undefined) return { status, body: { inline_bytes: Buffer.from(body.bytes, 'base64') } };
  return { status };
}

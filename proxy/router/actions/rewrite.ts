import type { RegexMatchAndSubstitute__Output } from '../../../proto/gen/envoy/type/matcher/v3/RegexMatchAndSubstitute.js';
import type { RequestHead } from '../../http/message.js';
import type { Issues } from '../../snapshot/issues.js';
import { compileSubstitution } from '../matchers/regex.js';
import type { CompiledMatch } from '../matchers/route-match.js';

/** Path with its query kept and the rest rewritten. */
export type PathRewrite = (path: string) => string;

/** Path without query and fragment. */
export function pathOnly(path: string): string {
  for (let i = 0; i < path.length; i++) {
    const code = path.charCodeAt(i);
    if (code === 63 /* ? */ || code === 35 /* # */) return path.slice(0, i);
  }
  return path;
}

/** prefix_rewrite or regex_rewrite of RouteAction and RedirectAction; undefined when there is neither. */
export function compilePathRewrite(
  action: { readonly prefix_rewrite?: string; readonly regex_rewrite?: RegexMatchAndSubstitute__Output },
  match: CompiledMatch,
  issues: Issues,
): PathRewrite | undefined {
  const prefix = action.prefix_rewrite ?? '';
  if (prefix !== '' && action.regex_rewrite !== undefined) {
    issues.error('prefix_rewrite and regex_rewrite are both set');
    return undefined;
  }
  if (prefix !== '') return (path) => prefix + path.slice(match.matchedLength(pathOnly(path)));
  if (action.regex_rewrite === undefined) return undefined;
  const substitute = compileSubstitution(action.regex_rewrite, issues.at('regex_rewrite'));
  if (substitute === undefined) return undefined;
  return (path) => {
    const bare = pathOnly(path);
    return substitute(bare) + path.slice(bare.length);
  };
}

export type HostRewrite = (request: RequestHead) => string | undefined;

/**
 * Gives the request another authority. The old one is kept in `x-envoy-original-host`, unless Envoy's own headers are
 * not wanted, and in `x-forwarded-host` where the route asks for that.
 */
export function setAuthority(request: RequestHead, authority: string, forwardOld: boolean, keepOld: boolean): void {
  const { headers, authority: old } = request;
  if (keepOld) headers.set('x-envoy-original-host', old);
  if (forwardOld) {
    const before = headers.joined('x-forwarded-host') ?? '';
    if (before === '') headers.set('x-forwarded-host', old);
    else if (before.split(',').at(-1) !== old) headers.set('x-forwarded-host', `${before},${old}`);
  }
  request.authority = authority;
}

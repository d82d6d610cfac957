import type { ConnectionManagerConfig } from './connection-manager-config.js';

export type NormalizedPath =
  | { readonly kind: 'ok'; readonly path: string }
  | { readonly kind: 'reject' }
  /** 307 to the same place in canonical form. */
  | { readonly kind: 'redirect'; readonly path: string };

const [SLASH, DOT, PERCENT, BACKSLASH, QUESTION] = [47, 46, 37, 92, 63];

/** Whether nothing has to be done to a path: no dot segment, no escape, no double slash, no backslash before its query. */
export function isPlainPath(path: string): boolean {
  let before = 0;
  for (let i = 0; i < path.length; i++) {
    const code = path.charCodeAt(i);
    if (code === QUESTION) return true;
    if (code === PERCENT || code === BACKSLASH) return false;
    if (before === SLASH && (code === SLASH || code === DOT)) return false;
    before = code;
  }
  return true;
}

/** Normalizes the path of a request as normalize_path, merge_slashes and path_with_escaped_slashes_action say. */
export function normalizePath(path: string, settings: ConnectionManagerConfig['path']): NormalizedPath {
  if (isPlainPath(path)) return { kind: 'ok', path };
  const query = path.indexOf('?');
  const bare = query < 0 ? path : path.slice(0, query);
  const rest = query < 0 ? '' : path.slice(query);
  let result = bare;
  let redirect = false;
  if (settings.escapedSlashes !== 'keep' && /%2f|%5c/i.test(result)) {
    if (settings.escapedSlashes === 'reject') return { kind: 'reject' };
    redirect = settings.escapedSlashes === 'redirect';
    result = result.replace(/%2f/gi, '/').replace(/%5c/gi, '\\');
  }
  if (settings.normalize) {
    const canonical = canonicalize(result);
    if (canonical === undefined) return { kind: 'reject' };
    result = canonical;
  }
  if (settings.mergeSlashes) result = result.replace(/\/{2,}/g, '/');
  return { kind: redirect ? 'redirect' : 'ok', path: result + rest };
}

/** RFC 3986 section 6.2.2: unreserved characters decoded, dot segments resolved, backslashes taken as slashes. */
function canonicalize(path: string): string | undefined {
  if (/%00/.test(path)) return undefined;
  const decoded = path.replace(/\\/g, '/').replace(/%([0-9a-f]{2})/gi, (encoded, digits: string) => {
    const char = String.fromCharCode(Number.parseInt(digits, 16));
    return /[A-Za-z0-9\-._~]/.test(char) ? char : encoded;
  });
  const out: string[] = [];
  const segments = decoded.split('/').slice(1);
  for (const [index, segment] of segments.entries()) {
    const last = index === segments.length - 1;
    if (segment === '..') {
      out.pop();
      if (last) out.push('');
    } else if (segment === '.') {
      if (last) out.push('');
    } else {
      out.push(segment);
    }
  }
  return `/${out.join('/')}`;
}

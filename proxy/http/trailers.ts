/**
 * Fields that may not stand behind a body (RFC 9110 section 6.5.1): framing, credentials, and what only proxies say of a
 * sender. An application that merges trailers into the head would take them for what this proxy has checked.
 */
export function isForbiddenTrailer(key: string): boolean {
  return FORBIDDEN.has(key) || key.startsWith('x-forwarded-') || key.startsWith('x-envoy-');
}

const FORBIDDEN: ReadonlySet<string> = new Set([
  'content-length',
  'host',
  'te',
  'expect',
  'content-type',
  'content-encoding',
  'content-range',
  'authorization',
  'proxy-authorization',
  'cookie',
  'set-cookie',
  'forwarded',
  'trailer',
]);

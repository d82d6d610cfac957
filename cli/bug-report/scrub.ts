const HIDDEN = '[removed]';

/** What proves who somebody is, wherever it stands: the sources leave it out, this is for what they missed. */
const SECRETS: readonly (readonly [pattern: RegExp, replacement: string])[] = [
  [/-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)/g, HIDDEN],
  // The same as base64: `-----BEGIN PRIVATE`, `-----BEGIN EC PRIV`, `-----BEGIN RSA PRIV`, `-----BEGIN ENCRYPTED PRIV`.
  [/LS0tLS1CRUdJTi(?:BQUklWQVRF|BFQyBQUklW|BSU0EgUFJJV|BFTkNSWVBURUQgUFJJV)[A-Za-z0-9+/=]*/g, HIDDEN],
  // A JSON web token, as service accounts have them.
  [/\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*/g, HIDDEN],
  [/\b(Bearer|Basic)\s+[A-Za-z0-9._~+/-]{8,}=*/gi, `$1 ${HIDDEN}`],
  [
    /("(?:[\w-]*(?:password|passwd|secret|token|api[_-]?key|authorization|cookie)[\w-]*)"\s*:\s*)"(?:[^"\\]|\\.)*"/gi,
    `$1"${HIDDEN}"`,
  ],
  // user:password@ of a URL.
  [/(\b[a-z][a-z0-9+.-]*:\/\/)[^\s/@"']+:[^\s/@"']+@/gi, `$1${HIDDEN}@`],
];

/** A text without keys, tokens and passwords. */
export function scrub(text: string): string {
  let clean = text;
  for (const [pattern, replacement] of SECRETS) clean = clean.replace(pattern, replacement);
  return clean;
}

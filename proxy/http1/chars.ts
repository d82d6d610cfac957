/** Character classes of RFC 9110 section 5.6.2 and RFC 9112, as tables over Latin-1 codes. */
function table(test: (code: number) => boolean): Uint8Array {
  return Uint8Array.from({ length: 256 }, (_, code) => (test(code) ? 1 : 0));
}

/** Characters of a field name or method. */
export const TOKEN = table((code) => /[!#$%&'*+\-.^_`|~0-9A-Za-z]/.test(String.fromCharCode(code)));

/** Characters of a field value: visible, space, tab, and obs-text. */
export const VALUE = table((code) => code === 9 || (code >= 32 && code !== 127));

/** Characters of a request target: visible ASCII. */
export const TARGET = table((code) => code > 32 && code < 127);

/** Characters of an authority (RFC 3986 section 3.2). */
export const AUTHORITY = table((code) => /[A-Za-z0-9\-._~%!$&'()*+,;=:@[\]]/.test(String.fromCharCode(code)));

/** Value of a hex digit, 255 for anything else. */
export const HEX = Uint8Array.from({ length: 256 }, (_, code) => {
  const digit = Number.parseInt(String.fromCharCode(code), 16);
  return Number.isNaN(digit) ? 255 : digit;
});

export const CR = 13;
export const LF = 10;
export const SP = 32;
export const HTAB = 9;
export const COLON = 58;

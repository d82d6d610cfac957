import { TOKEN, VALUE } from '../http1/chars.js';

/** What a field means for the codec. `bad`: no message may have it. */
export type FieldKind = 'plain' | 'pseudo' | 'bad' | 'host' | 'content-length' | 'expect' | 'cookie';

/** One field line as it was sent, with what was found out about it; entries of a table are looked at once. */
export class Field {
  /** Name and value length and 32, as all limits count it (RFC 7541 section 4.1). */
  readonly size: number;
  /** Lower-case name, interned. */
  readonly key: string;
  private known: FieldKind | undefined = undefined;

  /** Without the blanks at its ends, which HTTP/1 does not count either; there are servers that send them. */
  readonly value: string;

  constructor(
    readonly name: string,
    value: string,
    key: string,
  ) {
    this.size = name.length + value.length + 32;
    this.key = key;
    this.value = isBlank(value.charCodeAt(0)) || isBlank(value.charCodeAt(value.length - 1)) ? trimmed(value) : value;
  }

  get kind(): FieldKind {
    this.known ??= classify(this.key, this.value);
    return this.known;
  }
}

function classify(key: string, value: string): FieldKind {
  if (!isValue(value)) return 'bad';
  if (key.charCodeAt(0) === 58 /* : */) return 'pseudo';
  if (!isToken(key)) return 'bad';
  switch (key) {
    case 'host':
    case 'content-length':
    case 'expect':
    case 'cookie':
      return key;
    case 'te':
      return value.toLowerCase() === 'trailers' ? 'plain' : 'bad';
    default:
      return HOP_BY_HOP.has(key) ? 'bad' : 'plain';
  }
}

/** Fields of HTTP/1's connections, which a message of HTTP/2 must not have (RFC 9113 section 8.2.2). */
const HOP_BY_HOP: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'transfer-encoding',
  'upgrade',
]);

/** What is left out when a message of HTTP/1 goes out over HTTP/2. */
export const OMITTED: ReadonlySet<string> = new Set([...HOP_BY_HOP, 'host', 'http2-settings']);

function isToken(text: string): boolean {
  for (let i = 0; i < text.length; i++) if (TOKEN[text.charCodeAt(i)] !== 1) return false;
  return text.length > 0;
}

/** RFC 9113 section 8.2.1: no NUL, CR or LF. */
function isValue(text: string): boolean {
  for (let i = 0; i < text.length; i++) if (VALUE[text.charCodeAt(i)] !== 1) return false;
  return true;
}

function trimmed(text: string): string {
  return text.replace(/^[ \t]+|[ \t]+$/g, '');
}

function isBlank(code: number): boolean {
  return code === 32 || code === 9;
}

/** A message as it came over the wire; names and values as sent. */
export interface WireMessage {
  /** Request line or status line. */
  readonly start: string;
  readonly headers: readonly (readonly [string, string])[];
  readonly body: string;
  readonly trailers: readonly (readonly [string, string])[];
}

/** How a message's body ends: by its own framing, with its head, or with the connection. */
export type Framing = 'own' | 'none' | 'close';

export interface Head {
  readonly start: string;
  readonly headers: readonly (readonly [string, string])[];
  /** Position after the empty line. */
  readonly end: number;
}

/** The head at `from`; undefined while it is incomplete. Latin-1 text, so that a character is a byte. */
export function parseHead(text: string, from: number): Head | undefined {
  const end = text.indexOf('\r\n\r\n', from);
  if (end < 0) return undefined;
  const [start = '', ...lines] = text.slice(from, end).split('\r\n');
  return { start, headers: lines.map(field), end: end + 4 };
}

function field(line: string): [string, string] {
  const colon = line.indexOf(':');
  return [line.slice(0, colon), line.slice(colon + 1).trim()];
}

export function headerOf(headers: readonly (readonly [string, string])[], name: string): string | undefined {
  return headers.find(([key]) => key.toLowerCase() === name)?.[1];
}

/** A whole message and where it ends; undefined while it is incomplete. `closed` tells that nothing more comes. */
export function parseMessage(
  text: string,
  head: Head,
  framing: Framing,
  closed: boolean,
): { readonly message: WireMessage; readonly end: number } | undefined {
  const { start, headers } = head;
  const whole = (body: string, end: number, trailers: WireMessage['trailers'] = []) => ({
    message: { start, headers, body, trailers },
    end,
  });
  if (framing === 'none') return whole('', head.end);
  if (/chunked/i.test(headerOf(headers, 'transfer-encoding') ?? '')) return chunked(text, head, whole);
  const length = headerOf(headers, 'content-length');
  if (length !== undefined) {
    const end = head.end + Number(length);
    return text.length < end ? undefined : whole(text.slice(head.end, end), end);
  }
  if (framing === 'own') return whole('', head.end);
  return closed ? whole(text.slice(head.end), text.length) : undefined;
}

function chunked<T>(
  text: string,
  head: Head,
  whole: (body: string, end: number, trailers: WireMessage['trailers']) => T,
): T | undefined {
  let body = '';
  for (let at = head.end; ; ) {
    const line = text.indexOf('\r\n', at);
    if (line < 0) return undefined;
    const size = Number.parseInt(text.slice(at, line), 16);
    if (Number.isNaN(size)) return undefined;
    if (size === 0) {
      if (text.startsWith('\r\n', line + 2)) return whole(body, line + 4, []);
      const end = text.indexOf('\r\n\r\n', line + 2);
      return end < 0
        ? undefined
        : whole(
            body,
            end + 4,
            text
              .slice(line + 2, end)
              .split('\r\n')
              .map(field),
          );
    }
    if (text.length < line + 2 + size + 2) return undefined;
    body += text.slice(line + 2, line + 2 + size);
    at = line + 2 + size + 2;
  }
}

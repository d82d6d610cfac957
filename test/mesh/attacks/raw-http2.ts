import { connect } from 'node:net';

export type Field = readonly [name: string, value: string];

const PREFACE = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n';
const SETTINGS = 4;
const HEADERS = 1;
const DATA = 0;
const END_STREAM = 1;
const END_HEADERS = 4;
const IDLE_MS = 150;
const MOST_MS = 3000;

function frame(type: number, flags: number, stream: number, payload: Buffer): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

/** HPACK without tables or Huffman: literal fields, whatever is in them. */
export function block(fields: readonly Field[]): Buffer {
  const text = (value: string): Buffer => {
    const bytes = Buffer.from(value, 'latin1');
    if (bytes.length < 127) return Buffer.concat([Buffer.of(bytes.length), bytes]);
    const length: number[] = [127];
    let rest = bytes.length - 127;
    for (; rest >= 128; rest = Math.floor(rest / 128)) length.push((rest % 128) | 128);
    return Buffer.concat([Buffer.from([...length, rest]), bytes]);
  };
  return Buffer.concat(fields.map(([name, value]) => Buffer.concat([Buffer.of(0), text(name), text(value)])));
}

/** One request of a client that checks nothing, over plaintext HTTP/2. Resolves when nothing more comes. */
export function sendHttp2(port: number, fields: readonly Field[], body?: string): Promise<void> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    let timer = setTimeout(() => socket.destroy(), MOST_MS);
    socket.on('data', () => {
      clearTimeout(timer);
      timer = setTimeout(() => socket.destroy(), IDLE_MS);
    });
    socket.on('error', () => undefined);
    socket.once('close', () => {
      clearTimeout(timer);
      resolve();
    });
    socket.write(PREFACE);
    socket.write(frame(SETTINGS, 0, 0, Buffer.alloc(0)));
    socket.write(frame(HEADERS, END_HEADERS | (body === undefined ? END_STREAM : 0), 1, block(fields)));
    if (body !== undefined) socket.write(frame(DATA, END_STREAM, 1, Buffer.from(body, 'latin1')));
  });
}

/** The pseudo-header fields of a GET, with others in their place or behind them. */
export function get(path: string, ...more: readonly Field[]): Field[] {
  return [[':method', 'GET'], [':scheme', 'http'], [':authority', 'shop'], [':path', path], ...more];
}

import { HeaderList } from '../../../proxy/http/headers.js';
import type { ResponseHandler } from '../../../proxy/http/stream.js';
import { Http2ClientConnection } from '../../../proxy/http2/client-connection.js';
import { FRAME, PREFACE } from '../../../proxy/http2/constants.js';
import { Http2ServerConnection } from '../../../proxy/http2/server-connection.js';
import { cutsOf } from '../cuts.js';
import { Relay } from '../http1/relay.js';
import { sameAsCounted, turn } from '../http1/relay-target.js';
import { MemorySocket, StillClock } from '../memory-socket.js';
import { hashOf } from '../random.js';
import type { Finding, Target } from '../target.js';
import { framesOf } from './frames.js';
import { clientFrames, serverFrames } from './grammar.js';

const LIMITS = { maxHeadBytes: 60 * 1024, maxHeaders: 100 };
const NOTHING = (): void => undefined;

interface Run {
  readonly fault: Finding;
  /** What was read, as text: to be the same however the bytes were cut. */
  readonly read: string;
}

export const http2Requests: Target = {
  name: 'http2',
  about: 'HTTP/2 from a client, to upstreams of HTTP/1.1: frames, streams and ends, and what upstream gets',
  corpus: 'http2',
  generate: clientFrames,
  check: (input, thorough) => checkWays(input, thorough, serve),
};

export const http2Responses: Target = {
  name: 'http2-response',
  about: 'HTTP/2 from a server: frames, streams and ends on our client side',
  corpus: 'http2-response',
  generate: serverFrames,
  check: (input, thorough) => checkWays(input, thorough, ask),
};

async function checkWays(
  input: Buffer,
  thorough: boolean,
  run: (packets: readonly Buffer[]) => Promise<Run>,
): Promise<Finding> {
  const [first, ...others] = await Promise.all(cutsOf(input, hashOf(input), thorough).map(run));
  if (first?.fault !== undefined) return first.fault;
  for (const other of others) {
    if (other.fault !== undefined) return `cut: ${other.fault}`;
    if (other.read !== first?.read) return `cut, it is read otherwise: ${first?.read}\n  but ${other.read}`;
  }
  return undefined;
}

async function serve(packets: readonly Buffer[]): Promise<Run> {
  const clock = new StillClock();
  const relay = new Relay(clock);
  const client = new MemorySocket();
  new Http2ServerConnection(client.socket, relay, { ...LIMITS, clock, secure: false, count: NOTHING });
  for (const packet of packets) client.feed(packet);
  await new Promise(setImmediate);
  const { output } = client;
  client.hangUp();
  await turn();
  relay.hangUp();
  const read = relay.counted
    .map(({ method, path, body, complete }) => `${method} ${path}${complete ? ` ${JSON.stringify(body)}` : ''}`)
    .join(', ');
  return { fault: serverFault(relay, output), read };
}

function serverFault(relay: Relay, output: Buffer): Finding {
  if (relay.closed !== 1) return `the end of the connection was told ${relay.closed} times`;
  if (relay.open !== 0) return `${relay.open} requests heard of no end`;
  const frames = framesOf(output);
  if (typeof frames === 'string') return frames;
  const failed = frames.some(({ type, payload }) => type === FRAME.GOAWAY && payload.readUInt32BE(4) !== 0);
  const heads = new Set(
    frames.filter(({ type }) => type === FRAME.HEADERS || type === FRAME.RST_STREAM).map(({ id }) => id),
  );
  const complete = relay.counted.filter((request) => request.complete && !request.raw).length;
  if (!failed && heads.size < complete) return `${complete} requests, and ${heads.size} answers`;
  return sameAsCounted(relay);
}

/** Three requests at once, and what our client side makes of `packets`. */
async function ask(packets: readonly Buffer[]): Promise<Run> {
  const socket = new MemorySocket();
  let unusable = 0;
  const connection = new Http2ClientConnection(
    socket.socket,
    { onAvailable: NOTHING, onUnusable: () => void unusable++ },
    { ...LIMITS, clock: new StillClock(), count: NOTHING },
  );
  const streams = [1, 2, 3].map(() => {
    const heard = new Heard();
    const stream = connection.start(heard);
    const headers = new HeaderList();
    stream.sendHead({ method: 'GET', path: '/', authority: 'a', scheme: 'http', version: 'HTTP/2', headers }, true);
    return heard;
  });
  for (const packet of packets) socket.feed(packet);
  await new Promise(setImmediate);
  const { output } = socket;
  socket.hangUp();
  await turn();
  const faults = streams.flatMap(({ fault, ends }) => fault ?? (ends === 1 ? [] : [`a request heard of ${ends} ends`]));
  if (unusable !== 1) faults.push(`the connection was given back ${unusable} times`);
  const frames = framesOf(output.subarray(PREFACE.length));
  if (typeof frames === 'string') faults.push(frames);
  return { fault: faults[0], read: streams.map(({ text }) => text).join(', ') };
}

/** What one request hears. */
class Heard implements ResponseHandler {
  ends = 0;
  fault: Finding;
  private head = '';
  private body = '';
  private complete = false;

  get text(): string {
    return this.complete ? `${this.head} ${JSON.stringify(this.body)}` : this.head;
  }

  onInformational(): void {
    this.after(this.head === '');
  }

  onResponseHead({ status }: { readonly status: number }, end: boolean): void {
    this.after(this.head === '');
    this.head = String(status);
    if (end) this.end();
  }

  onResponseData(chunk: Buffer, end: boolean): void {
    this.after(this.head !== '');
    this.body += chunk.toString('latin1');
    if (end) this.end();
  }

  onResponseTrailers(): void {
    this.after(this.head !== '');
    this.end();
  }

  onUpstreamReset(): void {
    this.ends++;
  }

  onUpstreamDrain(): void {}

  private end(): void {
    this.complete = true;
    this.ends++;
  }

  private after(right: boolean): void {
    if (!right || this.ends > 0) this.fault = 'a callback came out of order';
  }
}

import { once } from 'node:events';
import {
  type ClientHttp2Stream,
  connect,
  constants,
  createServer,
  type Http2Server,
  type IncomingHttpHeaders,
  type IncomingHttpStatusHeader,
  type OutgoingHttpHeaders,
  type ServerHttp2Stream,
} from 'node:http2';
import { setTimeout as delay } from 'node:timers/promises';
import type { WireMessage } from '../support/http-messages.js';
import type { RawResult } from '../support/raw-client.js';
import type { ReceivedRequest } from '../support/scripted-upstream.js';

/** What an upstream that speaks gRPC answers to a call. */
export interface CallAnswer {
  /** In trailers; without messages in the head, as gRPC's servers do. Absent with `reset` or `http`. */
  readonly status?: number;
  readonly message?: string;
  readonly messages?: readonly string[];
  /** Before the head, ms. */
  readonly wait?: number;
  /** The stream ends with this error (`REFUSED_STREAM`), after messages if there are any. */
  readonly reset?: string;
  /** An answer that is no gRPC. */
  readonly http?: number;
  /** Each message is sent back as it comes, until the client has ended. */
  readonly echo?: true;
}

/** What an HTTP/2 client sends. */
export interface Http2Request {
  readonly method: string;
  readonly path: string;
  readonly host: string;
  readonly headers: readonly (readonly [string, string])[];
  readonly body: string;
  /** Messages of a gRPC call, in place of the body. */
  readonly messages: readonly string[] | undefined;
  /** Of an extended CONNECT (RFC 8441): the stream stays open until `until` has come. */
  readonly protocol: string | undefined;
  readonly until: string | undefined;
}

const HEAD_BYTES = 5;

/** The upstream `calls`: gRPC in the clear. */
export class CallUpstream {
  private server: Http2Server | undefined;
  script: (index: number) => CallAnswer = () => ({ status: 0 });

  async listen(name: string, port: number, received: () => ReceivedRequest[]): Promise<void> {
    const server = createServer();
    this.server = server;
    server.on('stream', (stream, headers) => void this.serve(name, stream, headers, received()));
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
  }

  close(): void {
    this.server?.close();
  }

  private async serve(
    name: string,
    stream: ServerHttp2Stream,
    headers: IncomingHttpHeaders,
    received: ReceivedRequest[],
  ): Promise<void> {
    stream.on('error', () => {});
    const answer = this.script(received.length);
    const start = `${headers[':method']} ${headers[':path']} HTTP/2`;
    const recording = {
      at: name,
      start,
      headers: fieldsOf(headers),
      body: '',
      trailers: [],
      complete: false,
      after: '',
    };
    received.push(recording);
    const body = read(stream).then((data) => {
      recording.body = textOf(data, headers['content-type']);
      recording.complete = true;
    });
    if (answer.echo === true) {
      stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
      stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
      stream.on('data', (chunk: Buffer) => stream.write(chunk));
      stream.on('end', () => stream.end());
      return;
    }
    await body;
    if (answer.wait !== undefined) await delay(answer.wait, undefined, { ref: false });
    if (!stream.destroyed) reply(stream, answer);
  }
}

function reply(stream: ServerHttp2Stream, answer: CallAnswer): void {
  const { status, message, messages = [], reset, http } = answer;
  const code = reset === undefined ? undefined : (constants as Record<string, unknown>)[`NGHTTP2_${reset}`];
  if (http !== undefined) {
    stream.respond({ ':status': http });
    stream.end();
    return;
  }
  const outcome: OutgoingHttpHeaders = {
    ...(status !== undefined && { 'grpc-status': String(status) }),
    ...(message !== undefined && { 'grpc-message': message }),
  };
  const head = { ':status': 200, 'content-type': 'application/grpc' };
  if (messages.length === 0) {
    if (code !== undefined) stream.close(Number(code));
    else stream.respond({ ...head, ...outcome }, { endStream: true });
    return;
  }
  stream.respond(head, { waitForTrailers: code === undefined });
  stream.on('wantTrailers', () => stream.sendTrailers(outcome));
  for (const text of messages) stream.write(framed(text));
  if (code === undefined) stream.end();
  else setTimeout(() => stream.close(Number(code)), 50);
}

/** One request on a connection of its own, with prior knowledge. */
export async function http2Exchange(port: number, request: Http2Request): Promise<RawResult> {
  const session = connect(`http://127.0.0.1:${port}`);
  session.on('error', () => {});
  try {
    if (request.protocol !== undefined) await once(session, 'remoteSettings');
    const grpc = request.messages !== undefined;
    const stream = session.request({
      ':method': request.method,
      ':path': request.path,
      ':authority': request.host,
      ':scheme': 'http',
      ...(request.protocol !== undefined && { ':protocol': request.protocol }),
      ...(grpc && { 'content-type': 'application/grpc', te: 'trailers' }),
      ...Object.fromEntries(request.headers),
    });
    if (grpc) for (const text of request.messages) stream.write(framed(text));
    else if (request.body !== '') stream.write(request.body);
    if (request.protocol === undefined) stream.end();
    return await answerOf(stream, request.until);
  } finally {
    session.destroy();
  }
}

async function answerOf(stream: ClientHttp2Stream, until: string | undefined): Promise<RawResult> {
  let head: (IncomingHttpHeaders & IncomingHttpStatusHeader) | undefined;
  let trailers: WireMessage['trailers'] = [];
  stream.on('response', (headers) => {
    head = headers;
  });
  stream.on('trailers', (headers) => {
    trailers = fieldsOf(headers);
  });
  stream.on('error', () => {});
  const data = await read(stream, until);
  const message: WireMessage = {
    start: `HTTP/2 ${head?.[':status'] ?? 'none'}`,
    headers: fieldsOf(head ?? {}),
    body: textOf(data, head?.['content-type']),
    trailers,
  };
  const rest = stream.rstCode === 0 || until !== undefined ? '' : `<reset ${stream.rstCode}>`;
  return { responses: head === undefined ? [] : [message], rest, connection: 'open' };
}

/** All that comes, or what has come when it has that text in it. */
function read(stream: ServerHttp2Stream | ClientHttp2Stream, until?: string): Promise<Buffer> {
  const chunks: Buffer[] = [];
  return new Promise((resolve) => {
    const done = (): void => resolve(Buffer.concat(chunks));
    stream.on('data', (chunk: Buffer) => {
      chunks.push(chunk);
      if (until !== undefined && Buffer.concat(chunks).includes(until)) done();
    });
    stream.once('close', done);
    if (stream instanceof Object && 'pushStream' in stream) stream.once('end', done);
  });
}

function framed(text: string): Buffer {
  const head = Buffer.alloc(HEAD_BYTES);
  head.writeUInt32BE(Buffer.byteLength(text), 1);
  return Buffer.concat([head, Buffer.from(text)]);
}

/** Messages of a gRPC body, joined by `|`; any other body as it is. */
function textOf(data: Buffer, type: string | undefined): string {
  if (type?.startsWith('application/grpc') !== true) return data.toString('latin1');
  const messages: string[] = [];
  for (let at = 0; at + HEAD_BYTES <= data.length; ) {
    const end = at + HEAD_BYTES + data.readUInt32BE(at + 1);
    messages.push(data.subarray(at + HEAD_BYTES, end).toString());
    at = end;
  }
  return messages.join('|');
}

function fieldsOf(headers: IncomingHttpHeaders): [string, string][] {
  return Object.entries(headers)
    .filter(([name]) => !name.startsWith(':') || name === ':authority' || name === ':protocol')
    .map(([name, value]) => [name, String(value)]);
}

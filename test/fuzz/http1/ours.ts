import { HeaderList } from '../../../proxy/http/headers.js';
import type { RequestHead, ResponseHead } from '../../../proxy/http/message.js';
import type { RequestMeta, RequestReceiver, RequestSink, ResponseSink } from '../../../proxy/http/server-codec.js';
import type { ResponseHandler } from '../../../proxy/http/stream.js';
import { Http1ClientConnection } from '../../../proxy/http1/client-connection.js';
import { Http1ServerConnection } from '../../../proxy/http1/server-connection.js';
import { MemorySocket, StillClock } from '../memory-socket.js';
import type { Message, Reading } from './node-parser.js';
import { IGNORED } from './relay.js';

/** When requests are answered: as soon as they are complete, or when all of the packet was read. */
export type Answering = 'at-once' | 'late';

const OPTIONS = { secure: false, maxHeadBytes: 60 * 1024, maxHeaders: 100, acceptHttp10: true };
const NOTHING = (): void => undefined;

/** A reading, and what is wrong with the codec whatever it read. */
export interface OurReading extends Reading {
  readonly fault: string | undefined;
}

/** Writes down requests and answers them; an upgrade is granted. */
class Recorder implements RequestReceiver {
  readonly messages: Message[] = [];
  readonly late: (() => void)[] = [];
  refused: string | undefined;
  open = 0;
  closed = 0;
  fault: string | undefined;

  constructor(private readonly answering: Answering) {}

  onRequest(response: ResponseSink, request: RequestHead, meta: RequestMeta): RequestSink {
    const { method, path, authority, headers } = request;
    const message: Message = {
      start: `${method} ${method === 'CONNECT' ? authority : path}`,
      fields: fieldsOf(headers),
      body: '',
      complete: meta.ended,
      raw: false,
    };
    this.messages.push(message);
    this.open++;
    if (meta.upgrade !== '') this.grant(response, message, meta.upgrade);
    else if (meta.ended) this.answer(response, message);
    return {
      onRequestData: (chunk, end) => {
        message.body += chunk.toString('latin1');
        if (!end) return;
        if (message.raw) this.endRaw(response);
        else this.finish(response, message);
      },
      onRequestTrailers: () => this.finish(response, message),
      onDownstreamReset: (detail, protocolError) => {
        if (protocolError) this.refused = `400 ${detail}`;
        this.gone();
      },
      onDownstreamDrain: NOTHING,
      onBodyError: (status, details) => {
        this.refused = `${status} ${details}`;
        this.send(response, status);
      },
    };
  }

  onBadHead(response: ResponseSink, _meta: RequestMeta, status: number, details: string): RequestSink {
    if (this.refused !== undefined) this.fault = 'a second head was refused after the first';
    this.refused = `${status} ${details}`;
    this.open++;
    this.send(response, status);
    return IGNORED;
  }

  onHeadAbandoned(): void {}
  onHeadStarted(): void {}
  onConnectionClosed(): void {
    this.closed++;
  }

  private finish(response: ResponseSink, message: Message): void {
    if (message.complete) this.fault = `a second end of ${message.start}`;
    message.complete = true;
    this.answer(response, message);
  }

  private answer(response: ResponseSink, _message: Message): void {
    if (this.answering === 'at-once') this.send(response, 200);
    else this.late.push(() => this.send(response, 200));
  }

  private grant(response: ResponseSink, message: Message, upgrade: string): void {
    message.raw = true;
    message.complete = false;
    const headers = new HeaderList();
    response.sendHead({ status: upgrade === 'connect' ? 200 : 101, reason: '', headers }, false, false);
  }

  private endRaw(response: ResponseSink): void {
    response.sendData(Buffer.alloc(0), true);
    this.gone();
  }

  private send(response: ResponseSink, status: number): void {
    this.gone();
    response.sendHead({ status, reason: '', headers: new HeaderList() }, true, false);
  }

  private gone(): void {
    this.open--;
  }
}

/** What our server side makes of packets. */
export function readRequests(packets: readonly Buffer[], answering: Answering): OurReading {
  const socket = new MemorySocket();
  const clock = new StillClock();
  const recorder = new Recorder(answering);
  new Http1ServerConnection(socket.socket, recorder, { ...OPTIONS, clock });
  for (const packet of packets) {
    socket.feed(packet);
    settle(recorder, socket);
  }
  socket.hangUp();
  return {
    messages: recorder.messages,
    refused: recorder.refused,
    fault: recorder.fault ?? leftovers(recorder, clock),
  };
}

function settle(recorder: Recorder, socket: MemorySocket): void {
  for (let next = recorder.late.shift(); next !== undefined; next = recorder.late.shift()) {
    next();
    socket.pump();
  }
}

function leftovers(recorder: Recorder, clock: StillClock): string | undefined {
  if (recorder.closed !== 1) return `the end of the connection was told ${recorder.closed} times`;
  if (recorder.open !== 0) return `${recorder.open} requests heard of no end`;
  return clock.timers === 0 ? undefined : `${clock.timers} timers are left`;
}

/** What our client side makes of the answer to one request; what comes behind it is nobody's answer. */
export function readResponses(packets: readonly Buffer[], asked: string): OurReading {
  const socket = new MemorySocket();
  const messages: Message[] = [];
  let refused: string | undefined;
  let fault: string | undefined;
  let open = 1;
  let unusable = 0;
  const handlerOf = (): ResponseHandler => {
    let current: Message | undefined;
    let ended = false;
    const end = (): void => {
      if (ended) fault = 'a second end of a response';
      ended = true;
      open--;
      if (current !== undefined) current.complete = true;
    };
    const begin = (head: ResponseHead, complete: boolean): void => {
      current = { start: String(head.status), fields: fieldsOf(head.headers), body: '', complete, raw: false };
      messages.push(current);
    };
    return {
      onInformational: (head) => begin(head, true),
      onResponseHead: (head, last) => {
        begin(head, false);
        if (last) end();
      },
      onResponseData: (chunk, last) => {
        if (current !== undefined) current.body += chunk.toString('latin1');
        if (last) end();
      },
      onResponseTrailers: end,
      onUpstreamReset: (reason, detail) => {
        if (reason === 'protocol-error' && detail !== 'connection closed') refused = `502 ${detail}`;
        if (!ended) open--;
        ended = true;
      },
      onUpstreamDrain: NOTHING,
    };
  };
  const connection: Http1ClientConnection = new Http1ClientConnection(
    socket.socket,
    { onAvailable: NOTHING, onUnusable: () => void unusable++ },
    { clock: new StillClock() },
  );
  const stream = connection.start(handlerOf());
  stream.sendHead(
    { method: asked, path: '/', authority: 'a:1', scheme: 'http', version: 'HTTP/1.1', headers: new HeaderList() },
    true,
  );
  for (const packet of packets) socket.feed(packet);
  socket.hangUp();
  if (open !== 0) fault ??= `${open} requests heard of no end`;
  if (unusable !== 1) fault ??= `the connection was given back ${unusable} times`;
  return { messages, refused, fault };
}

function fieldsOf(headers: HeaderList): [string, string][] {
  return Array.from({ length: headers.size }, (_, i) => [headers.keyAt(i), headers.valueAt(i)]);
}

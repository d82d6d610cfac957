import type { Socket } from 'node:net';
import type { RequestHead } from '../http/message.js';
import type { ClientConnection, ClientConnectionEvents, ResponseHandler, UpstreamStream } from '../http/stream.js';
import { ClientStream } from './client-stream.js';
import { Http2Connection } from './connection.js';
import { ERROR, MAX_STREAM_ID, PREFACE } from './constants.js';
import { protocolError, StreamError } from './errors.js';
import type { DecodedBlock } from './hpack/decoder.js';
import { encodeRequest, MALFORMED, readResponse } from './messages.js';
import type { Http2Options } from './options.js';
import { SETTING } from './settings.js';

const MAX_STREAMS = 256;
/** What a server may be expected to allow before it has said so. */
const ASSUMED_STREAMS = 100;
/** A server sends its settings first of all; one that does not is used without having seen them. */
const SETTINGS_WAIT_MS = 1000;

/** The upstream side of HTTP/2: many requests at a time on one socket. */
export class Http2ClientConnection extends Http2Connection<ClientStream> implements ClientConnection {
  private readonly events: ClientConnectionEvents;
  private readonly limit: number;
  private nextId = 1;
  /** Requests begun and not over, those without a stream yet among them. */
  private running = 0;
  private usable = true;
  private started = false;

  constructor(socket: Socket, events: ClientConnectionEvents, options: Http2Options) {
    super(socket, options);
    this.events = events;
    this.limit = options.settings?.maxConcurrentStreams ?? MAX_STREAMS;
    this.output.raw(PREFACE);
    this.open([[SETTING.ENABLE_PUSH, 0]]);
    options.clock.after(SETTINGS_WAIT_MS, () => this.begin());
  }

  /** 0 until the server's settings have come: how many streams it allows, and whether it is one of us. */
  get maxConcurrent(): number {
    if (!this.started || !this.usable) return 0;
    // A server that allows none for now refuses; waiting for it to change its mind could take for ever.
    return Math.max(1, Math.min(this.control.settingsSeen ? this.control.maxStreams : ASSUMED_STREAMS, this.limit));
  }

  /** RFC 8441; one of us takes them in any case. */
  get takesUpgrades(): boolean {
    return this.control.takesUpgrades || this.faithful;
  }

  start(handler: ResponseHandler): UpstreamStream {
    if (!this.usable) throw new Error('start() on a closed connection');
    this.running++;
    return new ClientStream(this, handler);
  }

  drain(): void {
    this.markUnusable();
    if (this.running === 0) this.leave();
  }

  /** @internal */
  sendRequestHead(stream: ClientStream, head: RequestHead, end: boolean): void {
    this.keepAlive?.beforeStream(this.options.clock.monotonic() - this.lastReceived);
    this.addStream(stream, this.nextId);
    this.nextId += 2;
    encodeRequest(this.encoder, head, stream.upgrade, this.faithful);
    this.sender.sendBlock(stream, end);
    if (this.nextId > MAX_STREAM_ID) this.drain();
  }

  /** @internal A request that was never sent. */
  abandon(stream: ClientStream): void {
    if (stream.closed) return;
    stream.release();
    this.onStreamGone();
  }

  protected onHead(id: number, stream: ClientStream | undefined, block: DecodedBlock, end: boolean): void {
    if (stream === undefined) throw protocolError();
    if (stream.headSeen) {
      this.readTrailers(stream, block, end);
      return;
    }
    const response = block.overflow ? MALFORMED : readResponse(block.fields, this.faithful);
    if (response === MALFORMED) throw new StreamError(id, ERROR.PROTOCOL_ERROR, 'rx_messaging_error');
    stream.receiveHead(response, end);
  }

  protected isIdle(id: number): boolean {
    return id % 2 === 0 || id >= this.nextId;
  }

  protected onLocalEnd(stream: ClientStream): void {
    this.closeIfEnded(stream);
  }

  onSettings(): void {
    this.begin();
  }

  private begin(): void {
    if (this.started || this.over) return;
    this.started = true;
    if (this.usable) this.events.onAvailable();
  }

  onGoAway(lastStreamId: number): void {
    this.markUnusable();
    for (const stream of this.streams.copy()) {
      if (stream.id > lastStreamId) this.abort(stream, ERROR.REFUSED_STREAM, 'remote refused stream reset');
    }
    if (this.running === 0) this.leave();
  }

  protected onStreamGone(): void {
    this.running--;
    if (this.usable) this.events.onAvailable();
    else if (this.running === 0) this.leave();
  }

  protected onOver(): void {
    this.markUnusable();
  }

  private leave(): void {
    if (this.over) return;
    this.sendGoAway(0, ERROR.NO_ERROR);
    this.finish(ERROR.NO_ERROR, 'drained');
  }

  private markUnusable(): void {
    if (!this.usable) return;
    this.usable = false;
    this.events.onUnusable();
  }
}

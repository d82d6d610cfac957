import type { Socket } from 'node:net';
import { Http1Error } from './errors.js';

/** Which of its bytes a connection takes, and when. */
export interface PacketConsumer {
  /** Whether the next bytes may be taken, apart from {@link PacketReader.readable}. */
  readonly takesBytes: boolean;
  /**
   * Takes some bytes from a position on and returns the position behind them.
   * @throws Http1Error
   */
  readSome(packet: Buffer, at: number): number;
  /** What was read breaks HTTP/1; the rest of the packet is gone. */
  onBroken(error: Http1Error): void;
  /** No more is taken for now. Returns whether bytes that are left over are kept for later. */
  afterPacket(left: boolean): boolean;
}

/** Hands a socket's packets to a connection as far as it takes them; the rest waits, and so does the peer. */
export class PacketReader {
  /** Whether the reader of the message that is coming wants more. */
  readable = true;
  private waiting: Buffer | undefined;
  private reading = false;

  constructor(
    private readonly socket: Socket,
    private readonly consumer: PacketConsumer,
  ) {}

  /** Whether bytes wait, or may still do when the loop that is running ends. */
  get hasMore(): boolean {
    return this.waiting !== undefined || this.reading;
  }

  push(packet: Buffer): void {
    if (this.waiting === undefined) {
      this.read(packet);
      return;
    }
    this.waiting = Buffer.concat([this.waiting, packet]);
    this.socket.pause();
  }

  setReadable(readable: boolean): void {
    if (this.readable === readable) return;
    this.readable = readable;
    if (!readable) this.socket.pause();
    else this.resume();
  }

  /** Goes on with what waits, and with the socket; within {@link PacketConsumer.readSome} its loop does that. */
  resume(): void {
    if (this.reading) return;
    const { waiting, consumer } = this;
    if (waiting !== undefined && consumer.takesBytes) {
      this.waiting = undefined;
      this.read(waiting);
    }
    if (this.waiting === undefined && this.readable) this.flow();
  }

  /** Lets the socket flow, whatever waits. */
  flow(): void {
    if (this.socket.isPaused()) this.socket.resume();
  }

  /** Throws away what waits. */
  drop(): void {
    this.waiting = undefined;
  }

  private read(packet: Buffer): void {
    const { consumer } = this;
    this.reading = true;
    let at = 0;
    try {
      while (at < packet.length && consumer.takesBytes) at = consumer.readSome(packet, at);
    } catch (error) {
      this.reading = false;
      if (!(error instanceof Http1Error)) throw error;
      consumer.onBroken(error);
      return;
    }
    this.reading = false;
    const left = at < packet.length;
    if (!consumer.afterPacket(left) || !left) return;
    this.waiting = at === 0 ? packet : packet.subarray(at);
    this.socket.pause();
  }
}

import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { BodyDecoder } from '../http1/body-decoder.js';
import type { Framing } from '../http1/fields.js';

/**
 * A connection inside the bodies of a POST request and its answer (HTTP/1.1): what is written becomes chunks, what is
 * read is the answer's body. The socket ends with the answer.
 */
export class PostTunnel extends Duplex {
  private readonly body = new BodyDecoder();

  /** The socket must stand behind the answer's head, and belong to nobody else. */
  constructor(
    private readonly socket: Socket,
    { chunked, contentLength }: Pick<Framing, 'chunked' | 'contentLength'>,
  ) {
    super({ allowHalfOpen: true, emitClose: true });
    if (chunked) this.body.startChunked();
    else if (contentLength >= 0) this.body.startLength(contentLength);
    else this.body.startUntilClose();
    socket.on('data', (packet: Buffer) => this.onData(packet));
    socket.once('end', () => this.onEnd());
    socket.once('error', (error) => this.destroy(error));
    socket.once('close', (hadError) => {
      if (!hadError) this.destroy();
    });
    socket.pause();
    if (this.body.done) this.finish();
  }

  override _read(): void {
    this.socket.resume();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this.socket.cork();
    this.socket.write(`${chunk.length.toString(16)}\r\n`, 'latin1');
    this.socket.write(chunk);
    this.socket.write('\r\n', 'latin1', (error) => done(error));
    this.socket.uncork();
  }

  override _final(done: (error?: Error | null) => void): void {
    if (this.socket.writable) this.socket.write('0\r\n\r\n', 'latin1', (error) => done(error));
    else done();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    if (error === null) this.socket.destroy();
    else this.socket.resetAndDestroy();
    done(error);
  }

  private onData(packet: Buffer): void {
    let full = false;
    try {
      this.body.push(packet, 0, {
        onBody: (chunk) => {
          if (chunk.length > 0) full = !this.push(chunk) || full;
        },
        onTrailers: () => undefined,
      });
    } catch (error) {
      this.destroy(error instanceof Error ? error : new Error(String(error)));
      return;
    }
    if (full) this.socket.pause();
    if (this.body.done) this.finish();
  }

  /** Whatever comes behind the body is nobody's. */
  private finish(): void {
    this.push(null);
    this.socket.removeAllListeners('data');
    this.socket.resume();
  }

  private onEnd(): void {
    if (this.body.done) return;
    if (this.body.untilClose) this.finish();
    else this.destroy(new Error('the answer of the tunnel was broken off'));
  }
}

import type { Http2SecureServer } from 'node:http2';
import {
  Metadata,
  type Server,
  ServerInterceptingCall,
  type ServerInterceptingCallInterface,
  type ServerInterceptor,
  status,
} from '@grpc/grpc-js';
import { type Gathered, GatheredReader } from './gathered.js';

const FRAME_HEADER = 5;
/** Octets: what is written at a time. */
const SLAB = 65_536;
/** Node cuts buffers up to half of its pool's 8 KB out of that; what is larger would be garbage outside of the heap. */
const SMALL = 4096;
const MOST_KEPT = 64;

/** What a gRPC message is written to. */
export interface MessageSink {
  write(chunk: Buffer, callback: (error?: Error | null) => void): unknown;
}

/**
 * Writes messages of any size through buffers of one size, which are used again: a thousand first configurations of megabytes
 * allocate nothing, and none waits in memory for its client.
 */
export class MessageWriter {
  private readonly kept: Buffer[] = [];

  /** One gRPC message. Calls back when it has left, or with why it cannot. */
  write(sink: MessageSink, message: Gathered, callback: (error?: Error | null) => void): void {
    const reader = new GatheredReader(message.parts);
    const whole = message.length + FRAME_HEADER;
    const slab = whole < SMALL ? Buffer.allocUnsafe(whole) : (this.kept.pop() ?? Buffer.allocUnsafeSlow(SLAB));
    let start = writeHeader(slab, message);
    const next = (error?: Error | null): void => {
      if (error || reader.done) {
        if (!error && slab.length === SLAB && this.kept.length < MOST_KEPT) this.kept.push(slab);
        callback(error);
        return;
      }
      const end = reader.readInto(slab, start);
      start = 0;
      sink.write(slab.subarray(0, end), next);
    };
    if (message.length > 0) next();
    else sink.write(slab, callback);
  }
}

function writeHeader(target: Buffer, { compressed, length }: Gathered): number {
  target[0] = compressed ? 1 : 0;
  target.writeUInt32BE(length, 1);
  return FRAME_HEADER;
}

interface Http2Stream extends MessageSink {
  readonly destroyed: boolean;
  readonly closed: boolean;
}

/** grpc-js would put each message together, and then copy it once more behind its header; the stream is its own. */
function streamOf(call: object): Http2Stream | undefined {
  const { stream } = call as { readonly stream?: Partial<Http2Stream> };
  return typeof stream?.write === 'function' ? (stream as Http2Stream) : undefined;
}

/** What is sent in pieces, and compressed to whom reads that. */
export interface InPieces {
  plain(): Gathered;
  /** By gRPC's `deflate`; undefined where that is not worth it. */
  compressed(): Gathered | undefined;
}

function isInPieces(message: unknown): message is InPieces {
  return typeof (message as Partial<InPieces> | null)?.compressed === 'function';
}

class GatheringCall extends ServerInterceptingCall {
  private begun = false;

  constructor(
    private readonly call: ServerInterceptingCallInterface,
    private readonly stream: Http2Stream,
    private readonly writer: MessageWriter,
    private readonly deflates: boolean,
  ) {
    super(call);
  }

  override sendMessage(message: unknown, callback: () => void): void {
    if (!isInPieces(message)) {
      super.sendMessage(message, callback);
      return;
    }
    if (this.stream.destroyed || this.stream.closed) return;
    if (!this.begun) this.begin();
    const gathered = (this.deflates ? message.compressed() : undefined) ?? message.plain();
    this.writer.write(this.stream, gathered, (error) => {
      if (error) this.call.sendStatus({ code: status.INTERNAL, details: 'the message cannot be written' });
      else callback();
    });
  }

  private begin(): void {
    this.begun = true;
    const metadata = new Metadata();
    if (this.deflates) metadata.set('grpc-encoding', 'deflate');
    this.call.sendMetadata(metadata);
  }
}

type Http2Server = Pick<Http2SecureServer, 'prependListener'>;

/** Sends responses {@link InPieces} of a gRPC server, and compresses them for clients that announce gRPC's `deflate`. */
export class LargeMessages {
  private readonly writer = new MessageWriter();
  /** Streams of clients that read compressed messages. */
  private readonly deflated = new WeakSet<object>();

  readonly interceptor: ServerInterceptor = (method, call) => {
    const stream = method.responseStream ? streamOf(call) : undefined;
    if (stream === undefined) return new ServerInterceptingCall(call);
    return new GatheringCall(call, stream, this.writer, this.deflated.has(stream));
  };

  /** From now on messages are compressed. To be called once the server listens; before, none are. */
  compress(server: Server): void {
    // grpc-js keeps to itself what clients announce, but not before its own HTTP/2 servers have told.
    const { http2Servers } = server as unknown as { readonly http2Servers?: ReadonlyMap<Http2Server, unknown> };
    for (const http2Server of http2Servers?.keys() ?? []) {
      http2Server.prependListener('stream', (stream, headers) => {
        if (acceptsDeflate(headers['grpc-accept-encoding'])) this.deflated.add(stream);
      });
    }
  }
}

function acceptsDeflate(announced: string | readonly string[] | undefined): boolean {
  return /(?:^|,)\s*deflate\s*(?:,|$)/.test(String(announced ?? ''));
}

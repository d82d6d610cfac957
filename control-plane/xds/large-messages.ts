import {
  Metadata,
  ServerInterceptingCall,
  type ServerInterceptingCallInterface,
  type ServerInterceptor,
  status,
} from '@grpc/grpc-js';
import { Gathered, GatheredReader } from './gathered.js';

const FRAME_HEADER = 5;
/** Octets: what is written at a time. */
const SLAB = 65_536;
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
    const slab = whole < SLAB ? Buffer.allocUnsafe(whole) : (this.kept.pop() ?? Buffer.allocUnsafeSlow(SLAB));
    let start = writeHeader(slab, message.length);
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

function writeHeader(target: Buffer, length: number): number {
  // Not compressed.
  target[0] = 0;
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

class GatheringCall extends ServerInterceptingCall {
  constructor(
    private readonly call: ServerInterceptingCallInterface,
    private readonly stream: Http2Stream,
    private readonly writer: MessageWriter,
  ) {
    super(call);
  }

  override sendMessage(message: unknown, callback: () => void): void {
    if (!(message instanceof Gathered)) {
      super.sendMessage(message, callback);
      return;
    }
    if (this.stream.destroyed || this.stream.closed) return;
    this.call.sendMetadata(new Metadata());
    this.writer.write(this.stream, message, (error) => {
      if (error) this.call.sendStatus({ code: status.INTERNAL, details: 'the message cannot be written' });
      else callback();
    });
  }
}

/** Sends {@link Gathered} responses piece by piece. */
export function gatheringInterceptor(): ServerInterceptor {
  const writer = new MessageWriter();
  return (method, call) => {
    const stream = method.responseStream ? streamOf(call) : undefined;
    return stream === undefined ? new ServerInterceptingCall(call) : new GatheringCall(call, stream, writer);
  };
}

import type { BodyFilter } from '../filters/body-filter.js';
import type { FilterContext } from '../filters/filter.js';
import type { Edge } from './edge.js';

const HEAD_BYTES = 5;

/** Counts the messages of one direction of a gRPC call (length-prefixed, as they lie in HTTP/2 data). */
class MessageCounter {
  count = 0;
  /** Bytes of the head that have come, and what the length in them is so far. */
  private headBytes = 0;
  private length = 0;
  private bodyLeft = 0;

  read(chunk: Buffer): void {
    let at = 0;
    while (at < chunk.length) {
      if (this.bodyLeft > 0) {
        const taken = Math.min(this.bodyLeft, chunk.length - at);
        this.bodyLeft -= taken;
        at += taken;
        continue;
      }
      if (this.headBytes === 0 && chunk.length - at >= HEAD_BYTES) {
        this.count++;
        this.bodyLeft = chunk.readUInt32BE(at + 1);
        at += HEAD_BYTES;
        continue;
      }
      // The first byte says whether the message is compressed.
      if (this.headBytes > 0) this.length = this.length * 256 + (chunk[at] ?? 0);
      this.headBytes++;
      at++;
      if (this.headBytes < HEAD_BYTES) continue;
      this.count++;
      this.bodyLeft = this.length;
      this.headBytes = 0;
      this.length = 0;
    }
  }
}

/** Who knows the calls under way. */
export interface CallRegister {
  beginCall(messages: GrpcMessages): void;
  endCall(messages: GrpcMessages): void;
}

/** The messages of one gRPC call, counted while they pass; a message counts when its head has come. */
export class GrpcMessages implements BodyFilter {
  /** Kept by the register: where it stands among the calls. */
  place = -1;
  private readonly request = new MessageCounter();
  private readonly response = new MessageCounter();
  private takenRequests = 0;
  private takenResponses = 0;

  constructor(
    private readonly register: CallRegister,
    private readonly context: FilterContext,
    private readonly edgeOf: (context: FilterContext, protocol: 'grpc') => Edge,
  ) {
    register.beginCall(this);
  }

  /** Where the call belongs by what is known of it now. */
  edge(): Edge {
    return this.edgeOf(this.context, 'grpc');
  }

  onComplete(): void {
    this.register.endCall(this);
  }

  onRequestData(chunk: Buffer): Buffer {
    this.request.read(chunk);
    return chunk;
  }

  onResponseData(chunk: Buffer): Buffer {
    this.response.read(chunk);
    return chunk;
  }

  /** What came since the last call. */
  take(): { readonly requests: number; readonly responses: number } {
    const taken = {
      requests: this.request.count - this.takenRequests,
      responses: this.response.count - this.takenResponses,
    };
    this.takenRequests = this.request.count;
    this.takenResponses = this.response.count;
    return taken;
  }
}

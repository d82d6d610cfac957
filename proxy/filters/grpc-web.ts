import { grpcStatusOf, isGrpcType, percentEncoded } from '../http/grpc-status.js';
import type { HeaderList } from '../http/headers.js';
import type { ResponseHead } from '../http/message.js';
import type { LocalReply } from '../http/stream.js';
import type { BodyFilter } from './body-filter.js';
import type { HttpFilterFactory } from './factory.js';
import type { FilterContext } from './filter.js';

const BINARY = ['application/grpc-web', 'application/grpc-web+proto'];
const TEXT = ['application/grpc-web-text', 'application/grpc-web-text+proto'];
/** Marks the frame that carries trailers (gRPC-Web protocol). */
const TRAILERS = 0x80;
/** Of an answer that is no gRPC, this much becomes `grpc-message`, bytes. */
const MAX_MESSAGE = 16 * 1024;

const BAD_BASE64: LocalReply = {
  status: 400,
  body: 'Bad gRPC-web request, invalid base64 data.',
  details: 'grpc_base_64_decode_failed',
  flags: 0,
};

/** Filter envoy.filters.http.grpc_web: a browser's gRPC-Web, binary or text, becomes gRPC, and the answer gRPC-Web again. */
export function grpcWebFactory(): HttpFilterFactory {
  return {
    compile(_message, place) {
      const calls = new WeakMap<object, GrpcWebCall>();
      return {
        name: place.name,
        onRequest(context) {
          const call = GrpcWebCall.of(context);
          if (call === undefined) return undefined;
          calls.set(context, call);
          // What we answer ourselves is explained like any other answer that is no gRPC.
          context.plainReplies = true;
          return undefined;
        },
        startBody: (context) => calls.get(context),
        onResponse: (context, response) => calls.get(context)?.onResponse(response),
      };
    },
  };
}

/** One call of a browser. */
class GrpcWebCall implements BodyFilter {
  /** Characters of base64 that do not make up a group yet. */
  private partial = '';
  /** The answer is no gRPC: what it says of itself becomes `grpc-message`. */
  private foreign = false;
  private explanation = '';

  private constructor(
    private readonly textRequest: boolean,
    private readonly textResponse: boolean,
  ) {}

  /** The call that a request makes, which is gRPC's from here on; undefined for other requests. */
  static of({ request }: FilterContext): GrpcWebCall | undefined {
    const { headers } = request;
    const type = headers.get('content-type') ?? '';
    const text = TEXT.includes(type);
    if (!text && !BINARY.includes(type)) return undefined;
    headers.delete('content-length');
    headers.set('content-type', 'application/grpc');
    headers.set('te', 'trailers');
    headers.set('grpc-accept-encoding', 'identity');
    return new GrpcWebCall(text, TEXT.includes(headers.get('accept') ?? ''));
  }

  onRequestData(chunk: Buffer, end: boolean): Buffer | LocalReply {
    if (!this.textRequest) return chunk;
    const text = this.partial + chunk.toString('latin1');
    const whole = text.length - (text.length % 4);
    this.partial = text.slice(whole);
    if (end && this.partial !== '') return BAD_BASE64;
    return decodeGroups(text.slice(0, whole)) ?? BAD_BASE64;
  }

  onResponse(head: ResponseHead): void {
    const { headers } = head;
    this.foreign = !isGrpcType(headers.get('content-type') ?? '');
    if (this.foreign && !headers.has('grpc-status')) headers.append('grpc-status', String(grpcStatusOf(head.status)));
    headers.set('content-type', `application/grpc-web${this.textResponse ? '-text' : ''}+proto`);
    // Trailers are going to lengthen the body.
    headers.delete('content-length');
  }

  swallows(): boolean {
    return this.foreign;
  }

  onSwallowed(chunk: Buffer): void {
    const room = Math.max(0, MAX_MESSAGE - this.explanation.length);
    this.explanation += chunk.toString('latin1', 0, Math.min(room, chunk.length));
  }

  afterSwallowed({ headers }: ResponseHead): void {
    if (this.explanation === '') return;
    headers.set('grpc-message', percentEncoded(Buffer.from(this.explanation, 'latin1')));
  }

  onResponseData(chunk: Buffer): Buffer {
    return this.encode(chunk);
  }

  onResponseTrailers(trailers: HeaderList): Buffer {
    let text = '';
    for (let i = 0; i < trailers.size; i++) text += `${trailers.keyAt(i)}:${trailers.valueAt(i)}\r\n`;
    return this.encode(trailersFrame(text));
  }

  /** Each chunk for itself, so that no byte of a message waits for the next one. */
  private encode(chunk: Buffer): Buffer {
    return this.textResponse && chunk.length > 0 ? Buffer.from(chunk.toString('base64'), 'latin1') : chunk;
  }
}

function trailersFrame(text: string): Buffer {
  const frame = Buffer.alloc(5 + text.length);
  frame[0] = TRAILERS;
  frame.writeUInt32BE(text.length, 1);
  frame.write(text, 5, 'latin1');
  return frame;
}

/** Groups of four characters; padding may end each of several texts that were put one behind the other. */
function decodeGroups(text: string): Buffer | undefined {
  const parts =
    text.match(
      /(?:[A-Za-z0-9+/]{4})+(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?|[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=/g,
    ) ?? [];
  const decoded = parts.map((part) => Buffer.from(part, 'base64'));
  return parts.reduce((sum, part) => sum + part.length, 0) === text.length ? Buffer.concat(decoded) : undefined;
}

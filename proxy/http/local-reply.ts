import { grpcStatusOf, isGrpc, percentEncoded } from './grpc-status.js';
import { HeaderList } from './headers.js';
import type { RequestHead, ResponseHead } from './message.js';
import type { LocalReply } from './stream.js';

/** A reply as it is going to be sent. */
export interface RenderedReply {
  readonly head: ResponseHead;
  /** Empty for none. */
  readonly body: string;
}

/** The answer to a request: text/plain with its length, or for a gRPC client a status in the head alone, as Envoy gives it. */
export function renderLocalReply(reply: LocalReply, request: RequestHead, plain = false): RenderedReply {
  const headers = new HeaderList();
  const grpc = !plain && isGrpc(request);
  if (grpc) {
    headers.appendKnown('content-type', 'content-type', 'application/grpc');
    headers.appendKnown('grpc-status', 'grpc-status', String(reply.grpcStatus ?? grpcStatusOf(reply.status)));
    if (reply.body !== '') headers.appendKnown('grpc-message', 'grpc-message', percentEncoded(Buffer.from(reply.body)));
  } else if (reply.body !== '') {
    headers.appendKnown('content-length', 'content-length', String(Buffer.byteLength(reply.body)));
    headers.appendKnown('content-type', 'content-type', 'text/plain');
  }
  for (const [name, value] of reply.headers ?? []) {
    if (name.toLowerCase() !== 'content-type') headers.append(name, value);
    else if (!grpc) headers.set('content-type', value);
  }
  return { head: { status: grpc ? 200 : reply.status, reason: '', headers }, body: grpc ? '' : reply.body };
}

import type { ServiceAnswer, ServiceCall, ServiceClient, ServiceRequest } from './service-call.js';

export interface GrpcRequest extends Pick<ServiceRequest, 'cluster' | 'authority' | 'timeoutMs' | 'maxBytes'> {
  /** `/package.Service/Method`. */
  readonly path: string;
  /** The encoded message. */
  readonly message: Buffer;
  readonly metadata?: Iterable<readonly [name: string, value: string]>;
  /** Told of the call under way, which may be given up. */
  readonly onCall?: ((call: Pick<ServiceCall, 'cancel'>) => void) | undefined;
}

/** The service answered, with another status than OK (gRPC status codes). */
export class GrpcCallError extends Error {
  override readonly name = 'GrpcCallError';

  constructor(
    readonly status: number,
    message: string,
  ) {
    super(`grpc-status ${status}${message === '' ? '' : `: ${message}`}`);
  }
}

const PREFIX_BYTES = 5;
const INTERNAL = 13;
const UNKNOWN = 2;

/**
 * A unary gRPC call of the proxy's own; the cluster speaks HTTP/2. Resolves to the encoded answer. Rejects with
 * {@link GrpcCallError}, or with a ServiceCallError when nobody answered.
 */
export async function callGrpc(client: ServiceClient, request: GrpcRequest): Promise<Buffer> {
  const { message, metadata, onCall, ...where } = request;
  const call = client.start({
    ...where,
    method: 'POST',
    headers: [
      ['te', 'trailers'],
      ['content-type', 'application/grpc'],
      ['grpc-timeout', `${Math.max(1, Math.ceil(request.timeoutMs))}m`],
      ...(metadata ?? []),
    ],
    body: framed(message),
  });
  onCall?.(call);
  const answer = await call.answer;
  const status = statusOf(answer);
  if (status !== 0) throw new GrpcCallError(status, detailOf(answer));
  return onlyMessage(answer.body);
}

function framed(message: Buffer): Buffer {
  const frame = Buffer.allocUnsafe(PREFIX_BYTES + message.length);
  frame[0] = 0;
  frame.writeUInt32BE(message.length, 1);
  message.copy(frame, PREFIX_BYTES);
  return frame;
}

function statusOf(answer: ServiceAnswer): number {
  const text = answer.trailers?.get('grpc-status') ?? answer.headers.get('grpc-status');
  if (text !== undefined && /^\d{1,3}$/.test(text)) return Number(text);
  return UNKNOWN;
}

function detailOf(answer: ServiceAnswer): string {
  const text = answer.trailers?.get('grpc-message') ?? answer.headers.get('grpc-message');
  return text ?? (answer.status === 200 ? '' : `HTTP status ${answer.status}`);
}

/** Unary answers have one message, uncompressed since none was offered. */
function onlyMessage(body: Buffer): Buffer {
  const whole = body.length >= PREFIX_BYTES && body[0] === 0 && body.readUInt32BE(1) === body.length - PREFIX_BYTES;
  if (!whole) throw new GrpcCallError(INTERNAL, 'the answer is not one whole message');
  return body.subarray(PREFIX_BYTES);
}

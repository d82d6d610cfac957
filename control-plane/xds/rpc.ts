import type { ServerUnaryCall } from '@grpc/grpc-js';

/** The bearer token of a call, or undefined. */
export function bearerToken(call: Pick<ServerUnaryCall<unknown, unknown>, 'metadata'>): string | undefined {
  const [value] = call.metadata.get('authorization');
  return typeof value === 'string' ? /^Bearer (\S+)$/i.exec(value)?.[1] : undefined;
}

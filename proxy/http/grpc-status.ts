import type { HeaderList } from './headers.js';
import type { RequestHead } from './message.js';

/** gRPC over HTTP/2 protocol: `application/grpc`, alone or with a suffix or parameters. */
export function isGrpc(request: RequestHead): boolean {
  const type = request.headers.get('content-type');
  return type !== undefined && isGrpcType(type);
}

export function isGrpcType(contentType: string): boolean {
  return /^application\/grpc(?:$|\+)/.test(contentType);
}

/** Percent-Encoded as `grpc-message` wants it: visible ASCII but `%` stays. */
export function percentEncoded(text: Buffer): string {
  return text.reduce((encoded, byte) => encoded + encodedByte(byte), '');
}

function encodedByte(byte: number): string {
  if (byte >= 0x20 && byte <= 0x7e && byte !== 0x25) return String.fromCharCode(byte);
  return `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
}

/** gRPC's table for clients that get an HTTP status; what is not in it is UNKNOWN. */
const BY_HTTP_STATUS: ReadonlyMap<number, number> = new Map([
  [400, 13],
  [401, 16],
  [403, 7],
  [404, 12],
  [429, 14],
  [502, 14],
  [503, 14],
  [504, 14],
]);

export function grpcStatusOf(httpStatus: number): number {
  return BY_HTTP_STATUS.get(httpStatus) ?? 2;
}

/** What a gRPC client takes a response for: `grpc-status` of the trailers, else of the head, else by the HTTP status; -1 without one. */
export function responseGrpcStatus(
  trailers: HeaderList | undefined,
  headers: HeaderList | undefined,
  httpStatus: number,
): number {
  const told = trailers?.get('grpc-status') ?? headers?.get('grpc-status');
  if (told !== undefined && /^\d{1,2}$/.test(told)) return Number(told);
  return httpStatus === 0 ? -1 : grpcStatusOf(httpStatus);
}

const HTTP_BY_GRPC: ReadonlyMap<number, number> = new Map([
  [0, 200],
  [1, 499],
  [2, 500],
  [3, 400],
  [4, 504],
  [5, 404],
  [6, 409],
  [7, 403],
  [8, 429],
  [9, 400],
  [10, 409],
  [11, 400],
  [12, 501],
  [13, 500],
  [14, 503],
  [15, 500],
  [16, 401],
]);

/** The HTTP status by which outlier detection counts a response: that of its `grpc-status` when it is in the head. */
export function countedStatus(httpStatus: number, headers: HeaderList): number {
  const told = headers.get('grpc-status');
  return told === undefined || !/^\d{1,2}$/.test(told) ? httpStatus : (HTTP_BY_GRPC.get(Number(told)) ?? 500);
}

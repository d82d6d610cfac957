import type { MethodDefinition } from '@grpc/grpc-js';
import { decodeMessage, encodeMessage } from './codec.js';

const PREFIX = 'type.googleapis.com/';

/** A gRPC method over the messages that codec.ts knows. */
export function method<Request extends object, Response extends object>(options: {
  readonly path: string;
  readonly streaming: boolean;
  readonly request: string;
  readonly response: string;
}): MethodDefinition<Request, Response> {
  const request = PREFIX + options.request;
  const response = PREFIX + options.response;
  return {
    path: options.path,
    requestStream: options.streaming,
    responseStream: options.streaming,
    requestSerialize: (message) => encodeMessage(request, message),
    requestDeserialize: (bytes) => decodeMessage<Request>(request, bytes),
    responseSerialize: (message) => encodeMessage(response, message),
    responseDeserialize: (bytes) => decodeMessage<Response>(response, bytes),
  };
}

import type { MethodDefinition, ServiceDefinition } from '@grpc/grpc-js';
import { decodeMessage, encodeMessage } from '../../common/xds/codec.js';

/** Nothing is asked for by name: who is connected decides. */
export type NoParameters = Readonly<Record<string, never>>;

export interface X509Svid {
  readonly spiffe_id: string;
  /** DER, the leaf first. */
  readonly x509_svid: Buffer;
  /** PKCS#8 DER. */
  readonly x509_svid_key: Buffer;
  /** DER. */
  readonly bundle: Buffer;
}

export interface X509SvidResponse {
  readonly svids: readonly X509Svid[];
}

export interface X509BundlesResponse {
  /** By the SPIFFE ID of the trust domain. */
  readonly bundles: Readonly<Record<string, Buffer>>;
}

function method<Response extends object>(
  name: string,
  request: string,
  response: string,
  responseStream: boolean,
): MethodDefinition<NoParameters, Response> {
  return {
    path: `/SpiffeWorkloadAPI/${name}`,
    requestStream: false,
    responseStream,
    requestSerialize: (message) => encodeMessage(request, message),
    requestDeserialize: (bytes) => {
      decodeMessage(request, bytes);
      return {};
    },
    responseSerialize: (message) => encodeMessage(response, message),
    responseDeserialize: (bytes) => decodeMessage<Response>(response, bytes),
  };
}

/** `SpiffeWorkloadAPI` (SPIFFE Workload API, section 5): the X.509-SVID profile. gRPC answers UNIMPLEMENTED for other methods. */
export const WORKLOAD_API = {
  FetchX509SVID: method<X509SvidResponse>('FetchX509SVID', 'X509SVIDRequest', 'X509SVIDResponse', true),
  FetchX509Bundles: method<X509BundlesResponse>('FetchX509Bundles', 'X509BundlesRequest', 'X509BundlesResponse', true),
} satisfies ServiceDefinition;

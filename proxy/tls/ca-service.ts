import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { Client, credentials, Metadata } from '@grpc/grpc-js';
import { decodeMessage, encodeMessage } from '../../common/xds/codec.js';
import { CONTROL_PLANE_NAME } from '../../common/xds/names.js';
import type { IstioCertificateResponse__Output } from '../../proto/gen/istio/v1/auth/IstioCertificateResponse.js';
import type { RequestCertificate } from './ca-client.js';

export interface CaServiceOptions {
  /** `host:port`. */
  readonly address: string;
  /** File with PEM roots of the CA's own certificate; undefined is plaintext. */
  readonly rootsPath: string | undefined;
  /** PEM of roots that count beside those of the file. */
  readonly moreRoots?: () => string;
  /** File with the bearer token, read again for each call. */
  readonly tokenPath: string | undefined;
}

/** A call of the CA may not take longer than this; certificates of a few seconds leave it less. */
const MAX_TIMEOUT_MS = 10_000;
const METHOD = '/istio.v1.auth.IstioCertificateService/CreateCertificate';
const REQUEST = 'type.googleapis.com/istio.v1.auth.IstioCertificateRequest';
const RESPONSE = 'type.googleapis.com/istio.v1.auth.IstioCertificateResponse';

/** Calls the CA by gRPC. Every call has its own channel: they are hours apart, and roots and token may have changed. */
export function caService(options: CaServiceOptions): RequestCertificate {
  return async (csr, ttlSeconds) => {
    const metadata = new Metadata();
    if (options.tokenPath !== undefined) {
      metadata.set('authorization', `Bearer ${readFileSync(options.tokenPath, 'utf8').trim()}`);
    }
    const channel =
      options.rootsPath === undefined
        ? credentials.createInsecure()
        : credentials.createSsl(
            Buffer.from(`${readFileSync(options.rootsPath, 'utf8')}\n${options.moreRoots?.() ?? ''}`),
          );
    const client = new Client(options.address, channel, {
      'grpc.use_local_subchannel_pool': 1,
      ...(isIP(hostOf(options.address)) === 0 ? {} : { 'grpc.ssl_target_name_override': CONTROL_PLANE_NAME }),
    });
    try {
      const timeoutMs = Math.min(MAX_TIMEOUT_MS, ttlSeconds * 500);
      return await call(client, metadata, { csr, validity_duration: ttlSeconds }, timeoutMs);
    } finally {
      client.close();
    }
  };
}

/** `[::1]:15012` → `::1`. */
function hostOf(address: string): string {
  return address.slice(0, address.lastIndexOf(':')).replace(/^\[|\]$/g, '');
}

function call(client: Client, metadata: Metadata, request: object, timeoutMs: number): Promise<readonly string[]> {
  return new Promise((resolve, reject) => {
    client.makeUnaryRequest<object, IstioCertificateResponse__Output>(
      METHOD,
      (message) => encodeMessage(REQUEST, message),
      (bytes) => decodeMessage(RESPONSE, bytes),
      request,
      metadata,
      { deadline: Date.now() + timeoutMs },
      (error, response) => {
        if (error !== null) reject(error);
        else resolve(response?.cert_chain ?? []);
      },
    );
  });
}

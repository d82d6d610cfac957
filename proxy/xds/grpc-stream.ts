import { readFileSync } from 'node:fs';
import type { PeerCertificate } from 'node:tls';
import { type ChannelCredentials, Client, credentials, Metadata } from '@grpc/grpc-js';
import { messageOf } from '../../common/runtime/errors.js';
import { LARGEST_MESSAGE } from '../../common/xds/limits.js';
import type { UpstreamTls } from '../tls/context.js';
import { parseSubjectAltName } from '../tls/peer.js';
import { matchesNames } from '../tls/verify.js';
import type { AdsStream, AdsStreamEvents, OpenAdsStream } from './ads-client.js';

/** Where a gRPC service is and how it is reached. */
export interface GrpcEndpoint {
  /** grpc-js targets: `host:port`, `unix:/path`; tried in turn, one a stream. */
  readonly targets: readonly string[];
  /** undefined is plaintext. Certificates given in place or in files only. */
  readonly tls: UpstreamTls | undefined;
  /** Sent with each stream. */
  readonly metadata: readonly (readonly [name: string, value: string])[];
  /** File with a bearer token, read again for each stream. */
  readonly tokenPath: string | undefined;
  readonly authority: string;
}

/** Opens ADS streams by grpc-js. Each stream has its own channel, so that only our own back-off decides when to try. */
export function grpcOpener(endpoint: GrpcEndpoint): OpenAdsStream {
  let turn = 0;
  return (method, events) => {
    const target = endpoint.targets[turn++ % Math.max(1, endpoint.targets.length)];
    if (target === undefined) return failedStream('the xDS cluster has no endpoint', events);
    try {
      return openStream(target, endpoint, method, events);
    } catch (error) {
      return failedStream(messageOf(error), events);
    }
  };
}

function openStream(target: string, endpoint: GrpcEndpoint, method: string, events: AdsStreamEvents): AdsStream {
  const metadata = grpcMetadata(endpoint);
  const client = new Client(target, channelCredentials(endpoint.tls), {
    ...channelOptions(endpoint),
    'grpc.keepalive_time_ms': 30_000,
    'grpc.keepalive_timeout_ms': 10_000,
    'grpc.use_local_subchannel_pool': 1,
    'grpc.max_receive_message_length': LARGEST_MESSAGE,
  });
  const call = client.makeBidiStreamRequest(method, identity, identity, metadata);
  let over = false;
  const end = (reason: string): void => {
    if (over) return;
    over = true;
    client.close();
    events.onEnd(reason);
  };
  call.on('data', (bytes: Buffer) => events.onMessage(bytes));
  call.on('error', (error) => end(messageOf(error)));
  call.on('end', () => end('the server closed the stream'));
  return {
    send(bytes) {
      if (!over) call.write(bytes);
    },
    close() {
      over = true;
      call.cancel();
      client.close();
    },
  };
}

function failedStream(reason: string, events: AdsStreamEvents): AdsStream {
  queueMicrotask(() => events.onEnd(reason));
  return { send: () => {}, close: () => {} };
}

function identity(bytes: Buffer): Buffer {
  return bytes;
}

/** Metadata of one call, with the token that the file holds now. A file that cannot be read throws. */
export function grpcMetadata(endpoint: Pick<GrpcEndpoint, 'metadata' | 'tokenPath'>): Metadata {
  const metadata = new Metadata();
  for (const [name, value] of endpoint.metadata) metadata.add(name, value);
  if (endpoint.tokenPath !== undefined) {
    metadata.set('authorization', `Bearer ${readFileSync(endpoint.tokenPath, 'utf8').trim()}`);
  }
  return metadata;
}

/** Server name for SNI; HTTP/2's :authority. */
export function channelOptions(endpoint: Pick<GrpcEndpoint, 'tls' | 'authority'>): Record<string, string> {
  const sni = endpoint.tls?.sni ?? '';
  return {
    ...(sni === '' ? {} : { 'grpc.ssl_target_name_override': sni }),
    ...(endpoint.authority === '' ? {} : { 'grpc.default_authority': endpoint.authority }),
  };
}

/** As Envoy verifies: below the roots given; by name only where the settings have matchers for it. */
export function channelCredentials(tls: UpstreamTls | undefined): ChannelCredentials {
  if (tls === undefined) return credentials.createInsecure();
  const { roots, subjectAltNames } = tls.validation;
  if (roots.kind !== 'inline') throw new Error('the xDS cluster needs trusted_ca, inline or in a file');
  const pair = tls.certificate.kind === 'inline' ? tls.certificate : undefined;
  return credentials.createSsl(
    Buffer.from(roots.pem),
    pair === undefined ? null : Buffer.from(pair.privateKey),
    pair === undefined ? null : Buffer.from(pair.certificateChain),
    {
      checkServerIdentity: (_host: string, certificate: PeerCertificate) => {
        if (subjectAltNames.length === 0) return undefined;
        const names = parseSubjectAltName(certificate.subjectaltname);
        return matchesNames(names, subjectAltNames) ? undefined : new Error('verify SAN list');
      },
    },
  );
}

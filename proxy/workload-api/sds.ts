import type { ServerDuplexStream, ServiceDefinition, UntypedServiceImplementation } from '@grpc/grpc-js';
import { encodeMessage } from '../../common/xds/codec.js';
import { contentHash } from '../../common/xds/content-hash.js';
import { method } from '../../common/xds/grpc-method.js';
import { SECRET_DEFAULT, SECRET_ROOT } from '../../common/xds/names.js';
import { TYPE } from '../../common/xds/type-urls.js';
import type { DeltaDiscoveryRequest__Output as DeltaRequest } from '../../proto/gen/envoy/service/discovery/v3/DeltaDiscoveryRequest.js';
import type { DeltaDiscoveryResponse } from '../../proto/gen/envoy/service/discovery/v3/DeltaDiscoveryResponse.js';
import type { DiscoveryRequest__Output as Request } from '../../proto/gen/envoy/service/discovery/v3/DiscoveryRequest.js';
import type { DiscoveryResponse } from '../../proto/gen/envoy/service/discovery/v3/DiscoveryResponse.js';
import type { SecretStore, SecretWatch } from '../tls/secrets.js';

const SERVICE = '/envoy.service.secret.v3.SecretDiscoveryService';

export const SDS_SERVICE = {
  StreamSecrets: method<Request, DiscoveryResponse>({
    path: `${SERVICE}/StreamSecrets`,
    streaming: true,
    request: 'envoy.service.discovery.v3.DiscoveryRequest',
    response: 'envoy.service.discovery.v3.DiscoveryResponse',
  }),
  DeltaSecrets: method<DeltaRequest, DeltaDiscoveryResponse>({
    path: `${SERVICE}/DeltaSecrets`,
    streaming: true,
    request: 'envoy.service.discovery.v3.DeltaDiscoveryRequest',
    response: 'envoy.service.discovery.v3.DeltaDiscoveryResponse',
  }),
} satisfies ServiceDefinition;

/** Serves the secrets `default` and `ROOTCA`, and pushes them to every stream when they change. */
export class SecretServer {
  private readonly streams = new Set<() => void>();

  private readonly watch: SecretWatch;

  constructor(private readonly secrets: SecretStore) {
    this.watch = secrets.watch(() => {
      for (const push of this.streams) push();
    });
  }

  /** Pushes nothing more. */
  close(): void {
    this.watch.cancel();
  }

  handlers(): UntypedServiceImplementation {
    return {
      StreamSecrets: (call: ServerDuplexStream<Request, DiscoveryResponse>) =>
        this.serve(
          call,
          (names, request) => new Set(request.resource_names ?? names),
          (resources, nonce) => ({
            version_info: nonce,
            nonce,
            type_url: TYPE.secret,
            resources: resources.map(({ bytes }) => ({ type_url: TYPE.secret, value: bytes })),
          }),
        ),
      DeltaSecrets: (call: ServerDuplexStream<DeltaRequest, DeltaDiscoveryResponse>) =>
        this.serve(
          call,
          (names, request) => {
            for (const name of request.resource_names_unsubscribe ?? []) names.delete(name);
            return new Set([...names, ...(request.resource_names_subscribe ?? [])]);
          },
          (resources, nonce) => ({
            nonce,
            type_url: TYPE.secret,
            resources: resources.map(({ name, version, bytes }) => ({
              name,
              version,
              resource: { type_url: TYPE.secret, value: bytes },
            })),
          }),
        ),
    };
  }

  private serve<Req, Res>(
    call: ServerDuplexStream<Req, Res>,
    subscribe: (names: Set<string>, request: Req) => Set<string>,
    toResponse: (resources: readonly Secret[], nonce: string) => Res,
  ): void {
    let names = new Set<string>();
    let nonces = 0;
    const sent = new Map<string, string>();
    const push = (): void => {
      const changed = secretsOf(this.secrets).filter(
        ({ name, version }) => names.has(name) && sent.get(name) !== version,
      );
      if (changed.length === 0) return;
      for (const { name, version } of changed) sent.set(name, version);
      call.write(toResponse(changed, String(++nonces)));
    };
    const end = (): void => void this.streams.delete(push);
    this.streams.add(push);
    call.on('data', (request: Req) => {
      names = subscribe(names, request);
      for (const name of sent.keys()) if (!names.has(name)) sent.delete(name);
      push();
    });
    call.on('end', () => {
      end();
      call.end();
    });
    call.on('cancelled', end);
    call.on('error', end);
  }
}

interface Secret {
  readonly name: string;
  readonly version: string;
  readonly bytes: Buffer;
}

/** Nothing before certificate and roots are both there: neither is of use alone. */
function secretsOf(secrets: SecretStore): Secret[] {
  const certificate = secrets.get(SECRET_DEFAULT);
  const roots = secrets.get(SECRET_ROOT);
  if (certificate?.kind !== 'certificate' || roots?.kind !== 'roots') return [];
  const inline = (pem: string): object => ({ inline_bytes: Buffer.from(pem) });
  return [
    {
      name: SECRET_DEFAULT,
      tls_certificate: {
        certificate_chain: inline(certificate.certificateChain),
        private_key: inline(certificate.privateKey),
      },
    },
    { name: SECRET_ROOT, validation_context: { trusted_ca: inline(roots.pem) } },
  ].map((secret) => {
    const bytes = encodeMessage(TYPE.secret, secret);
    return { name: secret.name, version: contentHash(bytes), bytes };
  });
}

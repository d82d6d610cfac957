import { X509Certificate } from 'node:crypto';
import { Server, ServerCredentials } from '@grpc/grpc-js';
import { afterEach, expect, it } from 'vitest';
import { buildCertificate, buildRootCertificate } from '../../common/identity/certificate.js';
import type { SubjectAltNames } from '../../common/identity/extensions.js';
import { createKeyPairSync, privateKeyPem } from '../../common/identity/keys.js';
import { CONTROL_PLANE_NAME } from '../../common/xds/names.js';
import { Issues } from '../snapshot/issues.js';
import { compileUpstreamTls } from '../tls/compile.js';
import { grpcOpener } from './grpc-stream.js';

const PATH = '/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources';
const validity = { notBefore: Date.now() - 60_000, notAfter: Date.now() + 3600_000 };
const authority = createKeyPairSync();
const root = buildRootCertificate({ ...authority, organization: 'mesh', ...validity });
const signer = { privateKey: authority.privateKey, certificate: new X509Certificate(root) };

const cleanup: (() => void)[] = [];
afterEach(() => {
  for (const close of cleanup.splice(0)) close();
});

const same = (bytes: Buffer): Buffer => bytes;

/** A server with these names, signed by the mesh's root; keeps the credentials that it is given. */
async function listen(names: SubjectAltNames): Promise<{ port: number; given: string[] }> {
  const { publicKey, privateKey } = createKeyPairSync();
  const given: string[] = [];
  const server = new Server();
  server.addService(
    {
      delta: {
        path: PATH,
        requestStream: true,
        responseStream: true,
        requestSerialize: same,
        requestDeserialize: same,
        responseSerialize: same,
        responseDeserialize: same,
      },
    },
    {
      delta: (stream: import('@grpc/grpc-js').ServerDuplexStream<Buffer, Buffer>) => {
        given.push(String(stream.metadata.get('authorization')[0]));
        stream.end();
      },
    },
  );
  const certificate = {
    private_key: Buffer.from(privateKeyPem(privateKey)),
    cert_chain: Buffer.from(buildCertificate({ publicKey, names, signer, ...validity })),
  };
  const port = await new Promise<number>((resolve, reject) =>
    server.bindAsync('127.0.0.1:0', ServerCredentials.createSsl(null, [certificate]), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    ),
  );
  cleanup.push(() => server.forceShutdown());
  return { port, given };
}

/** Opens a stream with the settings of our bootstraps; resolves when it has ended. */
function open(port: number): Promise<void> {
  const context = {
    sni: CONTROL_PLANE_NAME,
    common_tls_context: {
      validation_context: {
        trusted_ca: { inline_string: root },
        match_typed_subject_alt_names: [{ san_type: 'DNS', matcher: { exact: CONTROL_PLANE_NAME } }],
      },
    },
  };
  const issues = new Issues();
  const tls = compileUpstreamTls(context as never, issues);
  expect(issues.errors).toEqual([]);
  const endpoint = {
    targets: [`127.0.0.1:${port}`],
    tls,
    metadata: [['authorization', 'Bearer of-the-workload']] as const,
    tokenPath: undefined,
    authority: '',
  };
  return new Promise((resolve) => {
    grpcOpener(endpoint)(PATH, { onMessage: () => {}, onEnd: () => resolve() });
  });
}

it('gives the credentials of a workload to the control plane', async () => {
  const { port, given } = await listen({ dnsNames: ['localhost', CONTROL_PLANE_NAME] });
  await open(port);
  expect(given).toEqual(['Bearer of-the-workload']);
});

it.each<[what: string, names: SubjectAltNames]>([
  ['a workload', { uris: ['spiffe://cluster.local/ns/default/sa/mallory'] }],
  ['a workload whose account is called like it', { uris: [`spiffe://cluster.local/ns/a/sa/${CONTROL_PLANE_NAME}`] }],
  ['another name', { dnsNames: ['other.istio-system.svc'] }],
])('gives them to nobody else of the mesh who has got hold of the port: %s', async (_, names) => {
  const { port, given } = await listen(names);
  await open(port);
  expect(given).toEqual([]);
});

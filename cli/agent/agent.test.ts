import { X509Certificate } from 'node:crypto';
import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { Client, credentials } from '@grpc/grpc-js';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../common/runtime/clock.js';
import { Lifecycle } from '../../common/runtime/lifecycle.js';
import { toStruct } from '../../common/xds/struct.js';
import { TYPE } from '../../common/xds/type-urls.js';
import { type ControlPlaneApp, startControlPlane } from '../../control-plane/app.js';
import { makeRoot } from '../../control-plane/ca/root.js';
import { folderParts } from '../../control-plane/main.js';
import { ADS_SERVICE, type DeltaDiscoveryResponse, type DeltaRequest } from '../../control-plane/xds/service.js';
import { SDS_SERVICE } from '../../proxy/workload-api/sds.js';
import { startAgent } from './run.js';

const WORKLOAD = `
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: { name: reviews-v1, namespace: default }
spec: { address: 127.0.0.1, ports: { http: 9080 }, labels: { app: reviews }, serviceAccount: reviews }
`;

let folder: string;
let app: ControlPlaneApp;
let agent: Lifecycle;
let client: Client;
let bootstrapPath: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'weft-agent-test-'));
  const stateDir = join(folder, 'state');
  await mkdir(join(folder, 'config'));
  await writeFile(join(folder, 'config', 'a.yaml'), WORKLOAD);
  const config = {
    configDir: join(folder, 'config'),
    stateDir,
    host: '127.0.0.1',
    xdsPort: 0,
    debugPort: 0,
    certTtlSeconds: 10,
  };
  app = await startControlPlane(config, folderParts(config, pino({ level: 'silent' })));
  agent = new Lifecycle();
  bootstrapPath = await startAgent({ workload: 'reviews-v1', stateDirectory: stateDir, envoy: undefined }, agent);
  client = new Client(`unix:${join(dirname(bootstrapPath), 'agent.sock')}`, credentials.createInsecure());
});

afterEach(async () => {
  client.close();
  await agent.close();
  await app.stop();
  await rm(folder, { recursive: true, force: true });
});

/** Sends one request and resolves with the first responses, `count` of them. */
function ask(
  service: typeof SDS_SERVICE.DeltaSecrets,
  request: DeltaRequest,
  count: number,
): Promise<DeltaDiscoveryResponse[]> {
  const call = client.makeBidiStreamRequest(service.path, service.requestSerialize, service.responseDeserialize);
  call.write(request);
  const responses: DeltaDiscoveryResponse[] = [];
  return new Promise((done, fail) => {
    call.on('error', fail);
    call.on('data', (response: DeltaDiscoveryResponse) => {
      call.write({ type_url: response.type_url ?? '', response_nonce: response.nonce ?? '' });
      if (responses.push(response) < count) return;
      call.off('error', fail).on('error', () => {});
      call.cancel();
      done(responses);
    });
  });
}

describe('the agent', () => {
  it('serves the key and the certificate, and a new pair before the old one ends', async () => {
    const names = ['default', 'ROOTCA'];
    const request = { type_url: TYPE.secret, resource_names_subscribe: names };
    const [first, second] = await ask(SDS_SERVICE.DeltaSecrets, request, 2);
    expect(first?.resources?.map(({ name }) => name)).toEqual(names);
    expect(second?.resources?.map(({ name }) => name)).toEqual(['default']);
    const secret = first?.resources?.[0]?.resource as unknown as {
      tls_certificate: { certificate_chain: { inline_bytes: Buffer } };
    };
    const certificate = new X509Certificate(secret.tls_certificate.certificate_chain.inline_bytes);
    expect(certificate.subjectAltName).toBe('URI:spiffe://cluster.local/ns/default/sa/reviews');
  });

  it('carries ADS with the token, and goes with its socket and bootstrap', async () => {
    const bootstrap = JSON.parse(await readFile(bootstrapPath, 'utf8')) as { node: { id: string; metadata: object } };
    const node = { id: bootstrap.node.id, metadata: toStruct({ ...bootstrap.node.metadata }) } as DeltaRequest['node'] &
      object;
    const request = { node, type_url: TYPE.listener };
    const [response] = await ask(ADS_SERVICE.DeltaAggregatedResources, request, 1);
    expect(response?.resources?.length).toBeGreaterThan(0);
    await agent.close();
    await expect(stat(bootstrapPath)).rejects.toThrow('ENOENT');
  });

  it('carries ADS by the roots of the moment, without a restart', async () => {
    const { node } = JSON.parse(await readFile(bootstrapPath, 'utf8')) as {
      node: { id: string; metadata: { CA_ROOT_CERT: string } };
    };
    const path = node.metadata.CA_ROOT_CERT;
    const request = {
      node: { id: node.id, metadata: toStruct({ ...node.metadata }) },
      type_url: TYPE.listener,
    } as DeltaRequest;
    const right = await readFile(path, 'utf8');
    await writeFile(path, (await makeRoot({ organization: 'another' }, systemClock)).pem);
    await expect(ask(ADS_SERVICE.DeltaAggregatedResources, request, 1)).rejects.toThrow(/UNAVAILABLE/);
    await writeFile(path, right);
    expect(await ask(ADS_SERVICE.DeltaAggregatedResources, request, 1)).toHaveLength(1);
  });
});

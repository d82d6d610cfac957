import { readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { Client, type ClientDuplexStream, credentials, Metadata, type ServiceError, status } from '@grpc/grpc-js';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { getText } from '../../../cli/mesh/http.js';
import { systemClock } from '../../../common/runtime/clock.js';
import { createLogger } from '../../../common/runtime/log.js';
import { CONTROL_PLANE_NAME } from '../../../common/xds/names.js';
import { toStruct } from '../../../common/xds/struct.js';
import { TYPE } from '../../../common/xds/type-urls.js';
import { issueToken, loadTokenKey } from '../../../control-plane/ca/tokens.js';
import { ADS_SERVICE } from '../../../control-plane/xds/service.js';
import { TestMesh } from '../../support/mesh.js';
import { type Caller, openAds, requestCertificate } from '../../support/mesh-calls.js';
import { parseMetrics } from '../../support/metrics.js';

const SHOP = 'spiffe://cluster.local/ns/default/sa/shop';
const NODE = { pod: 'shop', namespace: 'default', account: 'shop' };
const ENTRY = `apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: {name: shop, namespace: default}
spec: {address: 127.0.0.1, serviceAccount: shop, labels: {app: shop}, ports: {http: 8080}}
`;
const MEGABYTE = 1024 * 1024;

const mesh = new TestMesh();
let caller: Caller;
const cleanup: (() => void)[] = [];
beforeAll(async () => {
  const { xdsAddress, rootCertificate } = await mesh.start({ 'shop.yaml': ENTRY });
  const key = await loadTokenKey(mesh.state, createLogger('test', 'silent'));
  const token = await issueToken(key, { namespace: 'default', serviceAccount: 'shop', ttlSeconds: 600 }, systemClock);
  caller = {
    address: xdsAddress,
    roots: readFileSync(rootCertificate, 'utf8'),
    token,
    serverName: CONTROL_PLANE_NAME,
  };
});
afterEach(() => {
  for (const close of cleanup.splice(0)) close();
});
afterAll(() => mesh.dispose());

/** Resident memory of the control plane, bytes. */
function memory(): number {
  const [pid] = mesh.pids(/^control-plane$/);
  const text = readFileSync(join('/proc', String(pid), 'status'), 'utf8');
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(text)?.[1]) * 1024;
}

function client(): { readonly client: Client; readonly metadata: Metadata } {
  const made = new Client(caller.address, credentials.createSsl(Buffer.from(caller.roots)), {
    'grpc.ssl_target_name_override': CONTROL_PLANE_NAME,
    'grpc.use_local_subchannel_pool': 1,
  });
  cleanup.push(() => made.close());
  const metadata = new Metadata();
  metadata.set('authorization', `Bearer ${caller.token}`);
  return { client: made, metadata };
}

const { path, responseDeserialize, requestSerialize } = ADS_SERVICE.DeltaAggregatedResources;
const raw = (bytes: Buffer): Buffer => bytes;

/** Somebody else is served as ever. */
async function othersAreServed(): Promise<void> {
  expect(await requestCertificate(caller, SHOP)).not.toHaveLength(0);
  const ads = openAds(caller, NODE);
  await mesh.until('an answer', async () => expect(ads.responses()).toBeGreaterThan(0), 10_000);
  ads.close();
}

async function connected(): Promise<number> {
  const text = await getText(`${mesh.controlPlane().debugUrl}/metrics`);
  return parseMetrics(text, 'pilot_xds').reduce((sum, { value }) => sum + value, 0);
}

describe.runIf(process.platform === 'linux')('a client of the control plane', () => {
  it('that sends a hundred megabytes is refused before they are read', async () => {
    await othersAreServed();
    const before = memory();
    const { client: hostile, metadata } = client();
    const call: ClientDuplexStream<Buffer, unknown> = hostile.makeBidiStreamRequest(
      path,
      raw,
      responseDeserialize,
      metadata,
    );
    const ended = new Promise<ServiceError>((resolve) => call.on('error', resolve));
    call.write(Buffer.alloc(100 * MEGABYTE));
    expect(await ended).toMatchObject({ code: status.RESOURCE_EXHAUSTED });
    expect(memory() - before).toBeLessThan(80 * MEGABYTE);
    await othersAreServed();
  });

  it('that opens thousands of streams has a handful at once', async () => {
    const { client: hostile, metadata } = client();
    const { pod, namespace, account } = NODE;
    const node = {
      id: `sidecar~10.0.0.1~${pod}.${namespace}~${namespace}.svc.cluster.local`,
      metadata: toStruct({ NAMESPACE: namespace, SERVICE_ACCOUNT: account }),
    };
    const calls = Array.from({ length: 2000 }, () => {
      const call = hostile.makeBidiStreamRequest(path, requestSerialize, responseDeserialize, metadata);
      call.on('error', () => undefined);
      call.on('data', () => undefined);
      call.write({ node, type_url: TYPE.cluster } as never);
      return call;
    });
    cleanup.push(() => {
      for (const call of calls) call.cancel();
    });
    await mesh.until('its streams', async () => expect(await connected()).toBeGreaterThan(0));
    expect(await connected()).toBeLessThanOrEqual(128);
    await othersAreServed();
    expect(await connected()).toBeLessThanOrEqual(129);
  });

  it('that connects hundreds of times and says nothing keeps nobody else out', async () => {
    const [, port = ''] = /:(\d+)$/.exec(caller.address) ?? [];
    const before = memory();
    const sockets: Socket[] = Array.from({ length: 500 }, () => connect(Number(port), '127.0.0.1'));
    for (const socket of sockets) socket.on('error', () => undefined);
    cleanup.push(() => {
      for (const socket of sockets) socket.destroy();
    });
    await othersAreServed();
    expect(memory() - before).toBeLessThan(80 * MEGABYTE);
  });
});

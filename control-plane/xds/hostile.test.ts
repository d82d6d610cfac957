import {
  Client,
  type ClientDuplexStream,
  credentials,
  Metadata,
  Server,
  ServerCredentials,
  type ServiceError,
  status,
} from '@grpc/grpc-js';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../common/runtime/clock.js';
import { toStruct } from '../../common/xds/struct.js';
import { type ResourceTypeUrl, TYPE } from '../../common/xds/type-urls.js';
import { ClientGuard } from '../ca/client-guard.js';
import { ResourceEncoder } from './encoded.js';
import { delta } from './protocol.js';
import { ProxyStream } from './proxy-stream.js';
import { AdsServer } from './server.js';
import { ADS_SERVICE, type DeltaDiscoveryResponse, type DeltaRequest } from './service.js';
import type { DeltaResponse } from './wire.js';

type Node = DeltaRequest['node'] & object;
type Call = ClientDuplexStream<DeltaRequest, DeltaDiscoveryResponse>;

const NODE = {
  id: 'a',
  metadata: toStruct({ NAMESPACE: 'default', WORKLOAD_NAME: 'a', SERVICE_ACCOUNT: 'a' }),
} as Node;
const ODD_NAMES = [
  'outbound|80||☃.example',
  'a b\tc',
  '%00%',
  '../../etc/passwd',
  '__proto__',
  '*.x',
  'x'.repeat(2048),
];

let ads: AdsServer;
let server: Server;
let client: Client;
let endpoints: ReadonlyMap<string, object>;
/** When the token `good` ends. */
let expiresAt: number;

beforeEach(async () => {
  const none = (): void => {};
  expiresAt = Date.now() + 60_000;
  endpoints = new Map(ODD_NAMES.map((name) => [name, { cluster_name: name }]));
  ads = new AdsServer({
    guard: new ClientGuard(systemClock, pino({ level: 'silent' })),
    generate: () => new Map<ResourceTypeUrl, ReadonlyMap<string, object>>([[TYPE.endpoint, endpoints]]),
    verifier: {
      verify: (token) =>
        token === 'good'
          ? Promise.resolve({ namespace: 'default', serviceAccount: 'a', expiresAt })
          : Promise.reject(new Error('the token is not good')),
    },
    events: {
      connected: none,
      disconnected: none,
      sent: none,
      expiredNonce: none,
      accepted: none,
      converged: none,
      internalError: none,
      generated: none,
      rejected: none,
    },
    clock: systemClock,
    random: () => 0,
    log: pino({ level: 'silent' }),
  });
  server = new Server();
  server.addService(ADS_SERVICE, ads.handlers(false));
  const port = await new Promise<number>((done, fail) =>
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? done(bound) : fail(error),
    ),
  );
  client = new Client(`127.0.0.1:${port}`, credentials.createInsecure());
});

afterEach(() => {
  client.close();
  server.forceShutdown();
});

function open(token = 'good'): Call {
  const metadata = new Metadata();
  if (token !== '') metadata.set('authorization', `Bearer ${token}`);
  const { path, requestSerialize, responseDeserialize } = ADS_SERVICE.DeltaAggregatedResources;
  return client.makeBidiStreamRequest<DeltaRequest, DeltaDiscoveryResponse>(
    path,
    requestSerialize,
    responseDeserialize,
    metadata,
  );
}

const failure = (call: Call): Promise<ServiceError> =>
  new Promise((done) => {
    call.on('data', () => {});
    call.on('error', (error: ServiceError) => done(error));
  });

const answer = (call: Call): Promise<DeltaDiscoveryResponse> =>
  new Promise((done, fail) => {
    call.once('data', done);
    call.once('error', fail);
  });

describe('tokens', () => {
  it.each([
    ['none', ''],
    ['a bad one', 'bad'],
  ])('%s: the stream is refused before anything is read', async (_what, token) => {
    const call = open(token);
    call.write({ node: NODE, type_url: TYPE.endpoint });
    expect((await failure(call)).code).toBe(status.UNAUTHENTICATED);
    expect(ads.proxies()).toEqual([]);
  });

  it('end their stream when they expire, and a new one opens it again', async () => {
    expiresAt = Date.now() - 30_000;
    const call = open();
    call.write({ node: NODE, type_url: TYPE.endpoint, resource_names_subscribe: ['*.x'] });
    expect(await failure(call)).toMatchObject({
      code: status.UNAUTHENTICATED,
      details: expect.stringContaining('expired'),
    });
    expect(ads.proxies()).toEqual([]);
    expiresAt = Date.now() + 60_000;
    const again = open();
    again.write({ node: NODE, type_url: TYPE.endpoint, resource_names_subscribe: ['*.x'] });
    expect((await answer(again)).resources?.map(({ name }) => name)).toEqual(['*.x']);
    expect(ads.proxies().length).toBe(1);
    again.on('error', () => {}).cancel();
  });
});

/** A struct in a struct, so deep that no recursion survives it. */
function deep(levels: number): Node['metadata'] {
  let value: object = { stringValue: 'x' };
  for (let i = 0; i < levels; i++) value = { structValue: { fields: { a: value } } };
  return { fields: { NAMESPACE: { stringValue: 'default' }, a: value } } as Node['metadata'];
}

describe('nodes', () => {
  it.each<[string, Partial<Node> | undefined, status[]]>([
    ['no node', undefined, [status.INVALID_ARGUMENT]],
    ['an empty node', {}, [status.INVALID_ARGUMENT]],
    ['metadata of wrong types', { id: 'x', metadata: toStruct({ NAMESPACE: 7, WORKLOAD_NAME: [] }) as never }, [3]],
    ['another namespace', { ...NODE, metadata: toStruct({ NAMESPACE: 'x', WORKLOAD_NAME: 'a' }) as never }, [7]],
    ['metadata a thousand levels deep', { id: 'x', metadata: deep(1000) as never }, [3, 7, 13]],
  ])('%s: refused, and the next one is served', async (_what, node, codes) => {
    const bad = open();
    bad.write({ ...(node !== undefined && { node: node as Node }), type_url: TYPE.endpoint });
    expect(codes).toContain((await failure(bad)).code);
    const good = open();
    good.write({ node: NODE, type_url: TYPE.endpoint, resource_names_subscribe: ['*.x'] });
    expect((await answer(good)).resources?.length).toBe(1);
    good.on('error', () => {}).cancel();
  });

  it('labels that are named like members of objects are labels', async () => {
    const metadata = toStruct({
      NAMESPACE: 'default',
      WORKLOAD_NAME: 'a',
      SERVICE_ACCOUNT: 'a',
      LABELS: JSON.parse('{"__proto__":"x","constructor":"y"}') as object,
    });
    const call = open();
    call.write({ node: { ...NODE, metadata } as Node, type_url: TYPE.endpoint, resource_names_subscribe: ['*.x'] });
    expect((await answer(call)).resources?.length).toBe(1);
    call.on('error', () => {}).cancel();
  });
});

describe('subscriptions', () => {
  it('to names with odd characters are served under the very same names', async () => {
    const call = open();
    call.write({ node: NODE, type_url: TYPE.endpoint, resource_names_subscribe: ODD_NAMES });
    expect((await answer(call)).resources?.map(({ name }) => name)).toEqual(ODD_NAMES);
    call.on('error', () => {}).cancel();
  });

  it('by the ten thousand are answered, for what is there and what is not', async () => {
    const names = Array.from({ length: 10_000 }, (_, i) => `outbound|80||s${i}.default.svc.cluster.local`);
    endpoints = new Map(names.slice(0, 5000).map((name) => [name, { cluster_name: name }]));
    const call = open();
    call.write({ node: NODE, type_url: TYPE.endpoint, resource_names_subscribe: names });
    const { resources, removed_resources: removed } = await answer(call);
    expect([resources?.length, removed?.length]).toEqual([5000, 5000]);
    call.on('error', () => {}).cancel();
  });

  it.each([
    ['a name that is no name', ['x'.repeat(2049)]],
    ['more names than any mesh has', Array.from({ length: 100_001 }, (_, i) => String(i))],
  ])('%s: refused', async (_what, names) => {
    const call = open();
    call.write({ node: NODE, type_url: TYPE.endpoint, resource_names_subscribe: names });
    expect((await failure(call)).code).toBe(status.RESOURCE_EXHAUSTED);
    expect(ads.proxies()).toEqual([]);
  });
});

const { responseDeserialize } = ADS_SERVICE.DeltaAggregatedResources;

describe('a client that does not read', () => {
  it('has at most one response of a type waiting, however often there is something new', async () => {
    const drained: (() => void)[] = [];
    const written: Buffer[] = [];
    const none = (): void => {};
    const stream = new ProxyStream<DeltaRequest, DeltaResponse>(
      {
        id: 'a',
        role: 'sidecar',
        namespace: 'default',
        workload: 'a',
        serviceAccount: 'a',
        labels: {},
        dataPlane: 'weft',
      },
      {
        write: (response: DeltaResponse) => written.push(response.plain().toBuffer()) < 0,
        once: (_event: string, callback: () => void) => drained.push(callback),
      } as never,
      delta,
      { sent: none, rejected: none, expiredNonce: none, accepted: none, converged: none },
      systemClock,
    );
    const encoder = new ResourceEncoder();
    const pushed = async (value: number): Promise<void> => {
      const cluster = { name: 'a', alt_stat_name: String(value) };
      stream.push(encoder.encode(new Map([[TYPE.cluster, new Map([['a', cluster]])]])));
      await new Promise((done) => setImmediate(done));
    };
    stream.receive({ type_url: TYPE.cluster });
    for (let i = 0; i < 1000; i++) await pushed(i);
    expect(written.length).toBe(1);
    // It reads again and acknowledges: what it gets then is the newest, once.
    for (const callback of drained.splice(0)) callback();
    const { nonce = '' } = responseDeserialize(written[0] ?? Buffer.alloc(0));
    stream.receive({ type_url: TYPE.cluster, response_nonce: nonce });
    await new Promise((done) => setImmediate(done));
    await new Promise((done) => setImmediate(done));
    expect(written.length).toBe(2);
    stream.close();
  });
});

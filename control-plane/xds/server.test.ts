import {
  Client,
  type ClientDuplexStream,
  credentials,
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
import type { ProxyResources } from './resources.js';
import { AdsServer } from './server.js';
import {
  ADS_SERVICE,
  type DeltaDiscoveryResponse,
  type DeltaRequest,
  type DiscoveryResponse,
  type Request,
} from './service.js';

const NODE = { id: 'a', metadata: toStruct({ NAMESPACE: 'default', WORKLOAD_NAME: 'a' }) } as DeltaRequest['node'] &
  object;
const SHORT: Record<string, string> = {
  [TYPE.cluster]: 'CDS',
  [TYPE.endpoint]: 'EDS',
  [TYPE.listener]: 'LDS',
  [TYPE.route]: 'RDS',
};

/** Names with a number as content: `{ CDS: { a: 1 } }`. */
type Content = Record<string, Record<string, number>>;

function resources(content: Content): ProxyResources {
  const make: Record<string, (name: string, value: number) => object> = {
    CDS: (name, value) => ({ name, alt_stat_name: String(value), type: 'EDS' }),
    EDS: (name, value) => ({ cluster_name: name, policy: { overprovisioning_factor: { value } } }),
    LDS: (name, value) => ({ name, stat_prefix: String(value) }),
    RDS: (name, value) => ({ name, virtual_hosts: [{ name: String(value), domains: ['*'] }] }),
  };
  return new Map(
    Object.entries(SHORT).map(([typeUrl, short]) => [
      typeUrl as ResourceTypeUrl,
      new Map(
        Object.entries(content[short] ?? {}).map(([name, value]) => [name, make[short]?.(name, value) ?? {}] as const),
      ),
    ]),
  );
}

let content: Content;
let generated: number;
let rejected: string[];
let ads: AdsServer;
let server: Server;
let client: Client;

beforeEach(async () => {
  generated = 0;
  rejected = [];
  const none = (): void => {};
  ads = new AdsServer({
    guard: new ClientGuard(systemClock, pino({ level: 'silent' })),
    generate: () => {
      generated++;
      return resources(content);
    },
    verifier: { verify: () => Promise.reject(new Error('no')) },
    events: {
      connected: none,
      disconnected: none,
      sent: none,
      expiredNonce: none,
      accepted: none,
      converged: none,
      internalError: none,
      generated: none,
      rejected: (_node, typeUrl, { reason }) => rejected.push(`${SHORT[typeUrl]}: ${reason}`),
    },
    clock: systemClock,
    log: pino({ level: 'silent' }),
  });
  server = new Server();
  server.addService(ADS_SERVICE, ads.handlers(true));
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

/** What is looked at in responses of either protocol. */
interface TestResponse {
  readonly type_url?: string;
  readonly nonce?: string;
  readonly resources?: readonly object[];
  readonly removed_resources?: readonly string[];
}

/** One stream, and what came on it as `CDS +a +b -c` lines. Answers only when told to, unless `automatic`. */
class TestProxy<Req extends object, Res extends TestResponse> {
  readonly lines: string[] = [];
  readonly responses: Res[] = [];
  private readonly call: ClientDuplexStream<Req, Res>;
  private wake = (): void => {};

  constructor(
    method: 'StreamAggregatedResources' | 'DeltaAggregatedResources',
    private readonly automatic = true,
  ) {
    const { path, requestSerialize, responseDeserialize } = ADS_SERVICE[method];
    this.call = client.makeBidiStreamRequest(
      path,
      requestSerialize as (value: Req) => Buffer,
      responseDeserialize as unknown as (bytes: Buffer) => Res,
    );
    this.call.on('error', () => this.wake());
    this.call.on('data', (response: Res) => {
      this.responses.push(response);
      const names = (response.resources ?? []).map((resource) => nameOf(resource)).sort();
      const removed = [...(response.removed_resources ?? [])].sort();
      this.lines.push(
        [SHORT[response.type_url ?? ''], ...names.map((n) => `+${n}`), ...removed.map((n) => `-${n}`)].join(' '),
      );
      if (this.automatic) this.answer(response);
      this.wake();
    });
  }

  send(request: Req): this {
    this.call.write(request);
    return this;
  }

  answer(response: Res, reason?: string): void {
    this.send({
      type_url: response.type_url,
      response_nonce: response.nonce,
      ...(reason === undefined ? {} : { error_detail: { code: 3, message: reason } }),
    } as unknown as Req);
  }

  async receive(count: number): Promise<string[]> {
    while (this.lines.length < count) await new Promise<void>((done) => (this.wake = done));
    return this.lines.splice(0);
  }

  last(): Res {
    const response = this.responses.at(-1);
    if (response === undefined) throw new Error('nothing came');
    return response;
  }

  failure(): Promise<ServiceError> {
    return new Promise((done) => this.call.on('error', done));
  }

  cancel(): void {
    this.call.cancel();
  }
}

function nameOf(resource: object): string {
  const { name, cluster_name } = resource as { name?: string; cluster_name?: string };
  return name ?? cluster_name ?? '';
}

const deltaProxy = (automatic = true) =>
  new TestProxy<DeltaRequest, DeltaDiscoveryResponse>('DeltaAggregatedResources', automatic);
const sotwProxy = (automatic = true) =>
  new TestProxy<Request, DiscoveryResponse>('StreamAggregatedResources', automatic);

/** Subscribes to everything; answers by itself. */
async function subscribed(): Promise<TestProxy<DeltaRequest, DeltaDiscoveryResponse>> {
  const proxy = deltaProxy()
    .send({ node: NODE, type_url: TYPE.cluster })
    .send({ type_url: TYPE.endpoint, resource_names_subscribe: ['*'] })
    .send({ type_url: TYPE.listener })
    .send({ type_url: TYPE.route, resource_names_subscribe: ['*'] });
  await proxy.receive(4);
  return proxy;
}

const pushed = (next: Content): void => {
  content = next;
  ads.pushAll();
};

const statusOf = (type: 'CDS' | 'EDS' | 'LDS' | 'RDS') => ads.proxies()[0]?.types[type];

describe('delta', () => {
  it('sends clusters and endpoints first, then listeners, then routes', async () => {
    content = { CDS: { a: 1 }, EDS: { a: 1 }, LDS: { l: 1 }, RDS: { r: 1 } };
    const proxy = await subscribed();
    pushed({ CDS: { a: 2 }, EDS: { a: 2 }, LDS: { l: 2 }, RDS: { r: 2 } });
    expect(await proxy.receive(4)).toEqual(['CDS +a', 'EDS +a', 'LDS +l', 'RDS +r']);
    await expect.poll(() => statusOf('RDS')?.status).toBe('SYNCED');
  });

  it('sends only what changed, and nothing when nothing did', async () => {
    content = { CDS: { a: 1, b: 1 }, EDS: { a: 1 } };
    const proxy = await subscribed();
    pushed({ CDS: { a: 1, b: 1 }, EDS: { a: 2 } });
    expect(await proxy.receive(1)).toEqual(['EDS +a']);
    pushed({ CDS: { a: 1, b: 1 }, EDS: { a: 2 } });
    pushed({ CDS: { a: 1, b: 2 }, EDS: { a: 2 } });
    expect(await proxy.receive(1)).toEqual(['CDS +b']);
  });

  it('makes before it breaks: a cluster goes when the routes that named it are replaced and accepted', async () => {
    content = { CDS: { old: 1 }, EDS: { old: 1 }, RDS: { r: 1 } };
    const proxy = await subscribed();
    pushed({ CDS: { new: 1 }, EDS: { new: 1 }, RDS: { r: 2 } });
    expect(await proxy.receive(5)).toEqual(['CDS +new', 'EDS +new', 'RDS +r', 'CDS -old', 'EDS -old']);
  });

  it('keeps the old cluster while the routes that replace it are refused', async () => {
    content = { CDS: { old: 1 }, RDS: { r: 1 } };
    const proxy = deltaProxy(false).send({ node: NODE, type_url: TYPE.cluster });
    await proxy.receive(1);
    proxy.answer(proxy.last());
    proxy.send({ type_url: TYPE.route, resource_names_subscribe: ['r'] });
    await proxy.receive(1);
    proxy.answer(proxy.last());
    pushed({ CDS: { new: 1 }, RDS: { r: 2 } });
    expect(await proxy.receive(1)).toEqual(['CDS +new']);
    proxy.answer(proxy.last());
    expect(await proxy.receive(1)).toEqual(['RDS +r']);
    proxy.answer(proxy.last(), 'r: bad');
    pushed({ CDS: { new: 1 }, RDS: { r: 3 } });
    expect(await proxy.receive(1)).toEqual(['RDS +r']);
    proxy.answer(proxy.last());
    expect(await proxy.receive(1)).toEqual(['CDS -old']);
  });

  it('keeps listeners and routes back until clusters are accepted, but not their endpoints', async () => {
    content = { CDS: { a: 1 }, EDS: { a: 1 }, LDS: { l: 1 } };
    const proxy = deltaProxy(false).send({ node: NODE, type_url: TYPE.cluster }).send({ type_url: TYPE.listener });
    expect(await proxy.receive(1)).toEqual(['CDS +a']);
    const clusters = proxy.last();
    proxy.send({ type_url: TYPE.endpoint, resource_names_subscribe: ['a'] });
    expect(await proxy.receive(1)).toEqual(['EDS +a']);
    proxy.answer(proxy.last());
    proxy.answer(clusters);
    expect(await proxy.receive(1)).toEqual(['LDS +l']);
  });

  it('merges what changes while an answer is awaited', async () => {
    content = { CDS: { a: 1 } };
    const proxy = deltaProxy(false).send({ node: NODE, type_url: TYPE.cluster });
    await proxy.receive(1);
    for (let i = 2; i < 50; i++) pushed({ CDS: { a: i } });
    await expect.poll(() => statusOf('CDS')?.status).toBe('STALE');
    expect(generated).toBeLessThan(5);
    proxy.answer(proxy.last());
    expect(await proxy.receive(1)).toEqual(['CDS +a']);
    expect(proxy.last().resources).toMatchObject([{ resource: { alt_stat_name: '49' } }]);
  });

  it('remembers a refusal, shows it, and sends that version no more', async () => {
    content = { LDS: { good: 1, bad: 1 } };
    const proxy = deltaProxy(false).send({ node: NODE, type_url: TYPE.listener });
    await proxy.receive(1);
    proxy.answer(proxy.last(), 'listener bad is broken');
    await expect.poll(() => statusOf('LDS')).toMatchObject({ status: 'NACKED', lastNack: { resource: 'bad' } });
    expect(rejected).toEqual(['LDS: listener bad is broken']);
    pushed({ LDS: { good: 2, bad: 1 } });
    expect(await proxy.receive(1)).toEqual(['LDS +good']);
    proxy.answer(proxy.last());
    await expect.poll(() => statusOf('LDS')?.acked).toBe(statusOf('LDS')?.sent);
    expect(statusOf('LDS')?.status).toBe('NACKED');
    pushed({ LDS: { good: 2, bad: 2 } });
    expect(await proxy.receive(1)).toEqual(['LDS +bad']);
    proxy.answer(proxy.last());
    await expect.poll(() => statusOf('LDS')?.status).toBe('SYNCED');
  });

  it('takes second thoughts: what was refused is in force after all', async () => {
    content = { LDS: { late: 1 } };
    const proxy = deltaProxy(false).send({ node: NODE, type_url: TYPE.listener });
    await proxy.receive(1);
    proxy.answer(proxy.last(), 'late: cannot bind');
    await expect.poll(() => statusOf('LDS')?.status).toBe('NACKED');
    // A wish has no nonce, and changes nothing.
    proxy.send({ type_url: TYPE.listener, resource_names_subscribe: ['more'] });
    expect(await proxy.receive(1)).toEqual(['LDS -more']);
    proxy.answer(proxy.last());
    await expect.poll(() => statusOf('LDS')?.acked).toBe(statusOf('LDS')?.sent);
    expect(statusOf('LDS')?.status).toBe('NACKED');
    proxy.answer(proxy.last());
    await expect.poll(() => statusOf('LDS')).toMatchObject({ status: 'SYNCED', lastNack: undefined });
    pushed({ LDS: { late: 2 } });
    expect(await proxy.receive(1)).toEqual(['LDS +late']);
  });

  it('forgets a refusal together with what was refused, and then removes what only that had named', async () => {
    content = { CDS: { old: 1 }, LDS: { taken: 1 } };
    const proxy = deltaProxy(false).send({ node: NODE, type_url: TYPE.cluster });
    await proxy.receive(1);
    proxy.answer(proxy.last());
    proxy.send({ type_url: TYPE.listener });
    await proxy.receive(1);
    proxy.answer(proxy.last(), 'taken: cannot bind');
    await expect.poll(() => statusOf('LDS')?.status).toBe('NACKED');
    pushed({ CDS: {}, LDS: { other: 1 } });
    expect(await proxy.receive(1)).toEqual(['LDS +other']);
    proxy.answer(proxy.last());
    expect(await proxy.receive(1)).toEqual(['LDS -taken']);
    proxy.answer(proxy.last());
    expect(await proxy.receive(1)).toEqual(['CDS -old']);
    proxy.answer(proxy.last());
    await expect.poll(() => statusOf('LDS')).toMatchObject({ status: 'SYNCED', lastNack: undefined });
  });

  it('forgets the refusal of a route that nobody asks for any more', async () => {
    content = { CDS: { old: 1 }, RDS: { r: 1 } };
    const proxy = deltaProxy(false).send({ node: NODE, type_url: TYPE.cluster });
    await proxy.receive(1);
    proxy.answer(proxy.last());
    proxy.send({ type_url: TYPE.route, resource_names_subscribe: ['r'] });
    await proxy.receive(1);
    proxy.answer(proxy.last(), 'r: bad');
    await expect.poll(() => statusOf('RDS')?.status).toBe('NACKED');
    proxy.send({ type_url: TYPE.route, resource_names_unsubscribe: ['r'] });
    pushed({ CDS: {}, RDS: { r: 1 } });
    expect(await proxy.receive(1)).toEqual(['CDS -old']);
  });

  it('gives a proxy that comes back only what it has not', async () => {
    content = { CDS: { a: 1, b: 1 } };
    const before = deltaProxy().send({ node: NODE, type_url: TYPE.cluster });
    await before.receive(1);
    const versions = Object.fromEntries(
      (before.last().resources ?? []).map(({ name = '', version = '' }) => [name, version]),
    );
    before.cancel();
    content = { CDS: { a: 1, b: 2 } };
    const after = deltaProxy().send({
      node: NODE,
      type_url: TYPE.cluster,
      initial_resource_versions: { ...versions, gone: 'x' },
    });
    expect(await after.receive(2)).toEqual(['CDS +b', 'CDS -gone']);
  });

  it('gives a proxy that has asked for one, and then for all, the rest', async () => {
    content = { CDS: { a: 1, b: 1 } };
    const proxy = deltaProxy().send({ node: NODE, type_url: TYPE.cluster, resource_names_subscribe: ['a'] });
    expect(await proxy.receive(1)).toEqual(['CDS +a']);
    proxy.send({ type_url: TYPE.cluster, resource_names_subscribe: ['*'] });
    expect(await proxy.receive(1)).toEqual(['CDS +b']);
    proxy.send({ type_url: TYPE.cluster, resource_names_unsubscribe: ['*'] });
    proxy.send({ type_url: TYPE.cluster, resource_names_subscribe: ['*'] });
    expect(await proxy.receive(1)).toEqual(['CDS +b']);
  });

  it('says that a resource does not exist, and sends it when it does', async () => {
    content = { RDS: {} };
    const proxy = deltaProxy().send({ node: NODE, type_url: TYPE.route, resource_names_subscribe: ['r'] });
    expect(await proxy.receive(1)).toEqual(['RDS -r']);
    pushed({ RDS: { r: 1, other: 1 } });
    expect(await proxy.receive(1)).toEqual(['RDS +r']);
    proxy.send({ type_url: TYPE.route, resource_names_subscribe: ['r', 'other'] });
    expect(await proxy.receive(1)).toEqual(['RDS +other +r']);
  });

  it('sends the endpoints of a changed cluster again, for the proxy waits for them', async () => {
    content = { CDS: { a: 1 }, EDS: { a: 1 } };
    const proxy = await subscribed();
    pushed({ CDS: { a: 2 }, EDS: { a: 1 } });
    expect(await proxy.receive(2)).toEqual(['CDS +a', 'EDS +a']);
  });
});

describe('state of the world', () => {
  it('sends complete lists of clusters, with removals only at the end', async () => {
    content = { CDS: { a: 1, b: 1 }, RDS: { r: 1 } };
    const proxy = sotwProxy().send({ node: NODE, type_url: TYPE.cluster });
    expect(await proxy.receive(1)).toEqual(['CDS +a +b']);
    // From here on the names have to be repeated with every answer.
    proxy.send({ type_url: TYPE.cluster, response_nonce: proxy.last().nonce ?? '' });
    pushed({ CDS: { a: 2, c: 1 } });
    expect(await proxy.receive(2)).toEqual(['CDS +a +b +c', 'CDS +a +c']);
  });

  it('sends a route when it is named, and ignores answers that were overtaken', async () => {
    content = { RDS: { r: 1, s: 1 } };
    const proxy = sotwProxy(false).send({ node: NODE, type_url: TYPE.route, resource_names: ['r'] });
    expect(await proxy.receive(1)).toEqual(['RDS +r']);
    proxy.send({ type_url: TYPE.route, resource_names: [], response_nonce: 'old' });
    proxy.send({ type_url: TYPE.route, resource_names: ['r', 's'], response_nonce: proxy.last().nonce ?? '' });
    expect(await proxy.receive(1)).toEqual(['RDS +s']);
  });
});

describe('bad clients', () => {
  it.each([
    ['no node', { type_url: TYPE.cluster }, status.INVALID_ARGUMENT],
    ['a node without a name', { node: { id: 'x' }, type_url: TYPE.cluster }, status.INVALID_ARGUMENT],
  ])('%s ends the stream', async (_what, request, code) => {
    content = {};
    const proxy = deltaProxy().send(request as DeltaRequest);
    expect((await proxy.failure()).code).toBe(code);
  });

  it('unknown types, foreign nonces and too many types leave the others alone', async () => {
    content = { CDS: { a: 1 } };
    const good = deltaProxy().send({ node: NODE, type_url: TYPE.cluster });
    await good.receive(1);
    const bad = deltaProxy().send({ node: NODE, type_url: '' });
    bad.send({ type_url: TYPE.cluster, response_nonce: 'x', resource_names_unsubscribe: ['never'] });
    for (let i = 0; i < 40; i++) bad.send({ type_url: `type.googleapis.com/none.v${i}.T` });
    expect((await bad.failure()).code).toBe(status.RESOURCE_EXHAUSTED);
    pushed({ CDS: { a: 2 } });
    expect(await good.receive(1)).toEqual(['CDS +a']);
  });
});

import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../common/runtime/clock.js';
import { createLogger } from '../../common/runtime/log.js';
import { type ResourceTypeUrl, TYPE } from '../../common/xds/type-urls.js';
import { AdsClient } from './ads-client.js';
import { grpcOpener } from './grpc-stream.js';
import { type AdsProtocol, delta, stateOfTheWorld } from './protocol.js';
import type { ResourceError, ResourceHandler, ResourceUpdate } from './resources.js';
import { TestXdsServer } from './testing.js';

/** Keeps what it is given; refuses resources whose name begins with `bad`. */
class Recorder implements ResourceHandler {
  readonly inForce = new Map<string, object>();
  readonly removed: string[] = [];

  constructor(readonly typeUrl: ResourceTypeUrl) {}

  apply(update: ResourceUpdate): readonly ResourceError[] {
    const errors: ResourceError[] = [];
    for (const [name, message] of update.upserts) {
      if (name.startsWith('bad')) errors.push({ resource: name, message: 'is bad' });
      else this.inForce.set(name, message);
    }
    for (const name of update.removals) {
      this.inForce.delete(name);
      this.removed.push(name);
    }
    return errors;
  }
}

const tokenPath = join(mkdtempSync(join(tmpdir(), 'weft-ads-')), 'token');
let server: TestXdsServer;
let client: AdsClient;
let clusters: Recorder;
let endpoints: Recorder;
let onChange: () => void;

function start(protocol: AdsProtocol): void {
  clusters = new Recorder(TYPE.cluster);
  endpoints = new Recorder(TYPE.endpoint);
  onChange = () => {};
  client = new AdsClient({
    node: { id: 'sidecar~1', user_agent_name: 'weft' },
    protocol,
    open: grpcOpener({ targets: [`127.0.0.1:${server.port}`], tls: undefined, metadata: [], tokenPath, authority: '' }),
    handlers: [clusters, endpoints],
    clock: systemClock,
    random: () => 0,
    log: createLogger('test', 'silent'),
    onChange: () => onChange(),
  });
  client.start();
}

function changed(until: () => boolean): Promise<void> {
  return new Promise((resolve) => {
    onChange = () => {
      if (until()) resolve();
    };
    onChange();
  });
}

beforeEach(async () => {
  writeFileSync(tokenPath, 'token-1\n');
  server = new TestXdsServer();
  await server.start();
});

afterEach(() => {
  client.stop();
  server.stop();
});

const first = (type: string) => (request: { type_url: string; response_nonce?: string }) =>
  request.type_url === type && request.response_nonce === undefined;
const answer = (nonce: string) => (request: { response_nonce?: string }) => request.response_nonce === nonce;

describe('state of the world', () => {
  beforeEach(() => start(stateOfTheWorld));

  it('acknowledges, and removes what a complete response leaves out', async () => {
    const request = await server.next(first(TYPE.cluster));
    expect(request.node).toMatchObject({ id: 'sidecar~1', user_agent_name: 'weft' });
    expect(server.authorizations).toEqual(['Bearer token-1']);
    server.sendSotw(TYPE.cluster, 'v1', 'n1', [{ name: 'a' }, { name: 'b' }]);
    expect(await server.next(answer('n1'))).toMatchObject({ version_info: 'v1' });
    server.sendSotw(TYPE.cluster, 'v2', 'n2', [{ name: 'b' }]);
    expect(await server.next(answer('n2'))).toMatchObject({ version_info: 'v2' });
    expect([...clusters.inForce.keys()]).toEqual(['b']);
  });

  it('names each refused resource and keeps the accepted version', async () => {
    await server.next(first(TYPE.cluster));
    server.sendSotw(TYPE.cluster, 'v1', 'n1', [{ name: 'a' }]);
    await server.next(answer('n1'));
    server.sendSotw(TYPE.cluster, 'v2', 'n2', [{ name: 'a' }, { name: 'bad-1' }, { name: 'bad-2' }]);
    const nack = await server.next(answer('n2'));
    expect(nack.version_info).toBe('v1');
    expect(nack.error_detail).toEqual({ code: 3, message: 'bad-1: is bad\nbad-2: is bad' });
    expect([...clusters.inForce.keys()]).toEqual(['a']);
    expect(client.subscriptions.get(TYPE.cluster)).toMatchObject({ version: 'v1', accepted: 1, rejected: 1 });
  });

  it('asks for endpoints by name and does not take a missing one for removed', async () => {
    client.setNames(TYPE.endpoint, new Set(['x', 'y']));
    expect(await server.next(first(TYPE.endpoint))).toMatchObject({ resource_names: ['x', 'y'] });
    server.sendSotw(TYPE.endpoint, 'e1', 'n1', [{ cluster_name: 'x' }, { cluster_name: 'y' }]);
    await server.next(answer('n1'));
    server.sendSotw(TYPE.endpoint, 'e2', 'n2', [{ cluster_name: 'y' }]);
    await server.next(answer('n2'));
    expect([...endpoints.inForce.keys()]).toEqual(['x', 'y']);
    client.setNames(TYPE.endpoint, new Set(['y']));
    expect((await server.next(answer('n2'))).resource_names).toEqual(['y']);
    expect(endpoints.removed).toEqual(['x']);
  });

  it('survives garbage and keeps what is in force', async () => {
    await server.next(first(TYPE.cluster));
    server.sendSotw(TYPE.cluster, 'v1', 'n1', [{ name: 'a' }]);
    await server.next(answer('n1'));
    server.sendBytes(Buffer.from('ff8001deadbeef', 'hex'));
    // What cannot be read cannot be answered: the client comes again, and says what it has.
    expect((await server.next(first(TYPE.cluster))).version_info).toBe('v1');
    expect([...clusters.inForce.keys()]).toEqual(['a']);
    server.sendSotw('type.googleapis.com/nothing.that.is.Known', 'v', 'n', []);
    server.sendSotw(TYPE.cluster, 'v2', 'n2', [{ name: 'b' }]);
    await server.next(answer('n2'));
    expect([...clusters.inForce.keys()]).toEqual(['b']);
  });
});

describe('delta', () => {
  beforeEach(() => start(delta));

  it('acknowledges, removes by name, and refuses one by one', async () => {
    await server.next(first(TYPE.cluster));
    server.sendDelta(TYPE.cluster, 'n1', [
      { name: 'a', version: '1', message: { name: 'a' } },
      { name: 'bad', version: '1', message: { name: 'bad' } },
    ]);
    expect((await server.next(answer('n1'))).error_detail?.message).toBe('bad: is bad');
    server.sendDelta(TYPE.cluster, 'n2', [{ name: 'b', version: '1', message: { name: 'b' } }], ['a']);
    expect((await server.next(answer('n2'))).error_detail).toBeUndefined();
    expect([...clusters.inForce.keys()]).toEqual(['b']);
  });

  it('tells a new stream what it holds, with the token of that moment', async () => {
    client.setNames(TYPE.endpoint, new Set(['x']));
    await server.next(first(TYPE.cluster));
    await server.next(first(TYPE.endpoint));
    server.sendDelta(TYPE.cluster, 'n1', [{ name: 'a', version: '7', message: { name: 'a' } }]);
    await server.next(answer('n1'));
    writeFileSync(tokenPath, 'token-2');
    server.endStream();
    const again = await server.next(first(TYPE.cluster));
    expect(again.initial_resource_versions).toEqual({ a: '7' });
    expect(again.node).toMatchObject({ id: 'sidecar~1' });
    expect(await server.next(first(TYPE.endpoint))).toMatchObject({ resource_names_subscribe: ['x'] });
    expect(server.authorizations).toEqual(['Bearer token-1', 'Bearer token-2']);
    expect([...clusters.inForce.keys()]).toEqual(['a']);
  });

  it('comes back after the server was gone, with the configuration in force', async () => {
    await server.next(first(TYPE.cluster));
    server.sendDelta(TYPE.cluster, 'n1', [{ name: 'a', version: '7', message: { name: 'a' } }]);
    await server.next(answer('n1'));
    const { port } = server;
    server.stop();
    await changed(() => !client.connected);
    expect([...clusters.inForce.keys()]).toEqual(['a']);
    server = new TestXdsServer();
    await server.start(port);
    expect((await server.next(first(TYPE.cluster))).initial_resource_versions).toEqual({ a: '7' });
  });

  it('changes its subscription by what was added and dropped', async () => {
    client.setNames(TYPE.endpoint, new Set(['x', 'y']));
    await server.next(first(TYPE.endpoint));
    client.setNames(TYPE.endpoint, new Set(['y', 'z']));
    expect(await server.next((request) => request.type_url === TYPE.endpoint)).toMatchObject({
      resource_names_subscribe: ['z'],
      resource_names_unsubscribe: ['x'],
    });
    server.sendDelta(TYPE.endpoint, 'n1', [], ['z']);
    await server.next(answer('n1'));
    expect(client.subscriptions.get(TYPE.endpoint)?.missing.has('z')).toBe(true);
  });
});

it.each([
  ['delta', delta],
  ['state of the world', stateOfTheWorld],
])('acknowledges what was refused when the last of it is in force after all: %s', async (_, protocol) => {
  start(protocol);
  await server.next(first(TYPE.cluster));
  const names = ['a', 'bad-1', 'bad-2'];
  if (protocol === delta)
    server.sendDelta(
      TYPE.cluster,
      'n1',
      names.map((name) => ({ name, version: '1', message: { name } })),
    );
  else
    server.sendSotw(
      TYPE.cluster,
      'v1',
      'n1',
      names.map((name) => ({ name })),
    );
  expect((await server.next(({ response_nonce }) => response_nonce === 'n1')).error_detail).toBeDefined();
  client.acceptedLate(TYPE.cluster, 'unheard-of');
  client.acceptedLate(TYPE.cluster, 'bad-1');
  client.acceptedLate(TYPE.cluster, 'bad-2');
  const ack = await server.next(({ response_nonce }) => response_nonce === 'n1');
  expect(ack.error_detail).toBeUndefined();
  if (protocol === stateOfTheWorld) expect(ack.version_info).toBe('v1');
  expect([...(client.subscriptions.get(TYPE.cluster)?.errors ?? [])]).toEqual([]);
});

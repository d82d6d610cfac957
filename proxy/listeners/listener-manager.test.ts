import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../common/runtime/clock.js';
import { createLogger } from '../../common/runtime/log.js';
import type { Listener__Output } from '../../proto/gen/envoy/config/listener/v3/Listener.js';
import type { SecretStore } from '../tls/secrets.js';
import { meshTls, TestCa } from '../tls/testing.js';
import type { FilterChainConfig, FilterChainMatchConfig, ListenerConfig } from './config.js';
import { ListenerManager } from './listener-manager.js';
import type { ServedConnection } from './live-filter-chain.js';

const ca = new TestCa();
const log = createLogger('test', 'silent');
const CLIENT = ca.issue('spiffe://cluster.local/ns/default/sa/client');

let secrets: SecretStore;
let manager: ListenerManager;
let configs: Map<string, ListenerConfig>;
let drained: string[];
let boundLate: string[];

/** A stand-in for the relay: answers each chunk with the chain's stat prefix; drains by closing. */
function serve(socket: Socket, prefix: () => string): ServedConnection {
  socket.on('data', () => socket.write(prefix()));
  socket.on('end', () => socket.end());
  return {
    drain: () => {
      drained.push(prefix());
      socket.destroy();
    },
    destroy: () => socket.destroy(),
  };
}

const MATCH: FilterChainMatchConfig = {
  destinationPort: undefined,
  prefixRanges: [],
  serverNames: [],
  transportProtocol: '',
  applicationProtocols: [],
  sourceType: 'any',
  sourcePrefixRanges: [],
  sourcePorts: [],
};

function chain(name: string, prefix: string, transportProtocol: '' | 'tls'): FilterChainConfig {
  const tcp = {
    statPrefix: prefix,
    clusters: [],
    idleTimeoutMs: 0,
    maxConnectAttempts: 1,
    accessLogs: [],
    onClose: [],
  };
  return {
    name,
    match: { ...MATCH, transportProtocol },
    tls: transportProtocol === 'tls' ? meshTls() : undefined,
    networkFilters: [],
    terminal: { kind: 'tcp', config: tcp },
    transportConnectTimeoutMs: 0,
  };
}

/** Puts a listener with these chains on a port; `stamp` makes its message differ. */
async function put(port: number, stamp: string, chains: readonly FilterChainConfig[]) {
  const config: ListenerConfig = {
    name: 'in',
    addresses: [{ host: '127.0.0.1', port }],
    direction: 'inbound',
    filterChains: chains,
    defaultFilterChain: undefined,
    tlsInspector: true,
    httpInspector: false,
    originalDst: false,
    inspectTimeoutMs: 5000,
    continueOnInspectTimeout: false,
    bindToPort: true,
  };
  configs.set(stamp, config);
  const message: Listener__Output = {
    name: 'in',
    stat_prefix: stamp,
    filter_chains: chains.map(({ name }) => ({ name })),
  };
  return manager.apply({ upserts: new Map([['in', message]]), removals: [], version: stamp });
}

function portOf(): number {
  return manager.list()[0]?.listener.addresses[0]?.port ?? 0;
}

async function ask(socket: Socket): Promise<string> {
  socket.write('?');
  const [chunk] = (await once(socket, 'data')) as [Buffer];
  return chunk.toString();
}

async function secure(): Promise<Socket> {
  const { certificateChain: cert, privateKey: key } = CLIENT;
  const socket = connectTls({
    port: portOf(),
    host: '127.0.0.1',
    cert,
    key,
    ca: ca.pem,
    checkServerIdentity: () => undefined,
  });
  await once(socket, 'secureConnect');
  return socket.on('error', () => {});
}

beforeEach(() => {
  secrets = ca.secretsOf('spiffe://cluster.local/ns/default/sa/server');
  configs = new Map();
  drained = [];
  boundLate = [];
  let id = 0;
  manager = new ListenerManager({
    secrets,
    clock: systemClock,
    log,
    drainMs: 45_000,
    originalDestination: () => undefined,
    compile: (message) => {
      const config = configs.get(message.stat_prefix ?? '');
      return config === undefined ? { errors: ['unknown'] } : { config, rdsNames: [], secretNames: [], warnings: [] };
    },
    serveHttp: (socket, _connection, live) => serve(socket, () => live.current.statPrefix),
    serveTcp: (socket, _connection, config) => serve(socket, () => config.statPrefix),
    onRefused: () => {},
    nextConnectionId: () => ++id,
    routesMissing: () => false,
    onChange: () => {},
    onBoundLate: (name) => boundLate.push(name),
  });
});

afterEach(() => manager.destroy());

describe('ListenerManager', () => {
  it('keeps connections of a chain whose transport stays, and its socket', async () => {
    expect(await put(0, 'a', [chain('plain', 'one', '')])).toEqual([]);
    const port = portOf();
    const open = connect(port, '127.0.0.1');
    expect(await ask(open)).toBe('one');
    await put(0, 'b', [chain('plain', 'two', '')]);
    expect(portOf()).toBe(port);
    expect(await ask(open)).toBe('one');
    const fresh = connect(port, '127.0.0.1');
    expect(await ask(fresh)).toBe('two');
    expect(drained).toEqual([]);
    open.destroy();
    fresh.destroy();
  });

  it('drains plaintext when a permissive listener becomes strict, and leaves mutual TLS alone', async () => {
    await put(0, 'permissive', [chain('tls', 'mtls', 'tls'), chain('plain', 'plain', '')]);
    const plain = connect(portOf(), '127.0.0.1').on('error', () => {});
    const mutual = await secure();
    expect([await ask(plain), await ask(mutual)]).toEqual(['plain', 'mtls']);
    const closed = once(plain, 'close');
    await put(0, 'strict', [chain('tls', 'mtls', 'tls')]);
    await closed;
    expect(drained).toEqual(['plain']);
    expect(await ask(mutual)).toBe('mtls');
    const refused = connect(portOf(), '127.0.0.1').on('error', () => {});
    refused.write('?');
    await once(refused, 'close');
    mutual.destroy();
  });

  it('answers a taken address with its name and keeps what was in force', async () => {
    const taken = createServer().listen(0, '127.0.0.1');
    await once(taken, 'listening');
    const { port } = taken.address() as AddressInfo;
    await put(0, 'good', [chain('plain', 'one', '')]);
    const [error] = await put(port, 'moved', [chain('plain', 'two', '')]);
    expect(error).toEqual({ resource: 'in', message: `cannot bind 127.0.0.1:${port}: address already in use` });
    const open = connect(portOf(), '127.0.0.1');
    expect(await ask(open)).toBe('one');
    open.destroy();
    taken.close();
  });

  it('takes an address after all when it becomes free, and tells so', async () => {
    const taken = createServer().listen(0, '127.0.0.1');
    await once(taken, 'listening');
    const { port } = taken.address() as AddressInfo;
    expect(await put(port, 'late', [chain('plain', 'late', '')])).toHaveLength(1);
    taken.close();
    await expect.poll(() => boundLate, { timeout: 20_000 }).toEqual(['in']);
    const open = connect(port, '127.0.0.1');
    expect(await ask(open)).toBe('late');
    open.destroy();
  });

  it.each(['removed', 'replaced'])('leaves an address alone whose listener was %s meanwhile', async (how) => {
    const taken = createServer().listen(0, '127.0.0.1');
    await once(taken, 'listening');
    const { port } = taken.address() as AddressInfo;
    await put(port, 'late', [chain('plain', 'late', '')]);
    taken.close();
    if (how === 'removed') await manager.apply({ upserts: new Map(), removals: ['in'], version: 'gone' });
    else await put(0, 'other', [chain('plain', 'other', '')]);
    // Longer than until the first attempt.
    await new Promise((resolve) => setTimeout(resolve, 1500));
    expect(boundLate).toEqual([]);
    const again = createServer().listen(port, '127.0.0.1');
    await once(again, 'listening');
    again.close();
  });

  it('lets connections wait until its secrets are there', async () => {
    const certificate = secrets.get('default');
    secrets.delete('default');
    await put(0, 'a', [chain('tls', 'mtls', 'tls')]);
    expect(manager.warm).toBe(false);
    const early = secure();
    await new Promise((resolve) => setImmediate(resolve));
    if (certificate !== undefined) secrets.set('default', certificate);
    manager.recheck();
    expect(manager.warm).toBe(true);
    const socket = await early;
    expect(await ask(socket)).toBe('mtls');
    socket.destroy();
  });

  it('stops accepting when a listener is removed', async () => {
    await put(0, 'a', [chain('plain', 'one', '')]);
    const port = portOf();
    const open = connect(port, '127.0.0.1').on('error', () => {});
    await ask(open);
    await manager.apply({ upserts: new Map(), removals: ['in'], version: 'b' });
    await once(connect(port, '127.0.0.1'), 'error');
    expect(drained).toEqual(['one']);
  });
});

import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../common/runtime/clock.js';
import { createLogger } from '../../common/runtime/log.js';
import { SecretStore } from '../tls/secrets.js';
import type { FilterChainConfig, FilterChainMatchConfig, ListenerConfig } from './config.js';
import type { IpPort } from './connection-info.js';
import { ListenerManager, type ListenerManagerDeps } from './listener-manager.js';

let manager: ListenerManager;
let configs: Map<string, ListenerConfig>;
let drained: string[];
/** Where the next connections were going. */
let destination: IpPort | undefined;

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

function chain(statPrefix: string, destinationPort?: number): FilterChainConfig {
  const config = { statPrefix, clusters: [], idleTimeoutMs: 0, maxConnectAttempts: 1, accessLogs: [], onClose: [] };
  const terminal = { kind: 'tcp', config } as const;
  const match = { ...MATCH, destinationPort };
  return { name: statPrefix, match, tls: undefined, networkFilters: [], terminal, transportConnectTimeoutMs: 0 };
}

function listener(name: string, host: string, port: number, over: Partial<ListenerConfig> = {}): ListenerConfig {
  return {
    name,
    addresses: [{ host, port }],
    direction: 'outbound',
    filterChains: [chain(name)],
    defaultFilterChain: undefined,
    tlsInspector: false,
    httpInspector: false,
    originalDst: false,
    inspectTimeoutMs: 5000,
    continueOnInspectTimeout: false,
    bindToPort: false,
    ...over,
  };
}

async function put(...listeners: ListenerConfig[]) {
  for (const each of listeners) configs.set(each.name, each);
  return manager.apply({
    upserts: new Map(listeners.map((each) => [each.name, { name: each.name, stat_prefix: each.name }])),
    removals: [],
    version: '1',
  });
}

function make(over: Partial<ListenerManagerDeps> = {}): ListenerManager {
  return new ListenerManager({
    secrets: new SecretStore(),
    clock: systemClock,
    log: createLogger('test', 'silent'),
    drainMs: 45_000,
    originalDestination: () => destination,
    compile: (message) => {
      const config = configs.get(message.stat_prefix ?? '');
      return config === undefined ? { errors: ['unknown'] } : { config, rdsNames: [], secretNames: [], warnings: [] };
    },
    serveHttp: () => {
      throw new Error('no HTTP here');
    },
    // Speaks first: who is asked, for which destination, by whom, with which server name.
    serveTcp: (socket, { localAddress, remoteAddress, peer }, { statPrefix }) => {
      const from = remoteAddress.startsWith('127.') ? 'client' : remoteAddress;
      socket.write(`${statPrefix} ${localAddress} ${from} ${peer.sni ?? '-'}`);
      socket.resume();
      return { drain: () => void drained.push(statPrefix), destroy: () => socket.destroy() };
    },
    onRefused: () => {},
    nextConnectionId: () => 1,
    routesMissing: () => false,
    onChange: () => {},
    ...over,
  });
}

const VIRTUAL: Partial<ListenerConfig> = { bindToPort: true, originalDst: true, handsOff: true };

function open(): Socket {
  const bound = manager.list().find(({ listener: { addresses } }) => addresses.length > 0);
  return connect(bound?.listener.addresses[0]?.port ?? 0, '127.0.0.1').on('error', () => {});
}

async function greeting(socket = open()): Promise<string> {
  const [bytes] = (await Promise.race([once(socket, 'data'), once(socket, 'close').then(() => ['closed'])])) as [
    Buffer,
  ];
  return String(bytes);
}

beforeEach(() => {
  configs = new Map();
  drained = [];
  destination = undefined;
  manager = make();
});
afterEach(() => manager.destroy());

describe('use_original_dst', () => {
  it.each([
    [{ ip: '10.96.0.1', port: 80 }, 'exact 10.96.0.1:80 client -'],
    [{ ip: '10.96.0.2', port: 80 }, 'any 10.96.0.2:80 client -'],
    [{ ip: '10.96.0.2', port: 81 }, 'virtual 10.96.0.2:81 client -'],
    [{ ip: 'fd00::1', port: 80 }, 'virtual [fd00::1]:80 client -'],
  ])('hands %j over', async (wanted, expected) => {
    const virtual = listener('virtual', '127.0.0.1', 0, VIRTUAL);
    await put(virtual, listener('exact', '10.96.0.1', 80), listener('any', '0.0.0.0', 80));
    destination = wanted;
    expect(await greeting()).toBe(expected);
  });

  it('serves a listener that was removed no more', async () => {
    await put(listener('virtual', '127.0.0.1', 0, VIRTUAL), listener('any', '0.0.0.0', 80));
    await manager.apply({ upserts: new Map(), removals: ['any'], version: '2' });
    destination = { ip: '10.96.0.2', port: 80 };
    expect(await greeting()).toMatch(/^virtual /);
  });

  it('keeps what was not redirected, and what was redirected to itself', async () => {
    await put(listener('virtual', '127.0.0.1', 0, VIRTUAL), listener('any', '0.0.0.0', 80));
    expect(await greeting()).toMatch(/^virtual 127\.0\.0\.1:\d+ client -$/);
  });

  it('does not hand over where the listener does not ask for it', async () => {
    const inbound = listener('inbound', '127.0.0.1', 0, {
      ...VIRTUAL,
      handsOff: false,
      filterChains: [chain('app', 80)],
    });
    await put(inbound, listener('any', '0.0.0.0', 80));
    destination = { ip: '10.0.0.7', port: 80 };
    expect(await greeting()).toBe('app 10.0.0.7:80 client -');
    destination = { ip: '10.0.0.7', port: 81 };
    expect(await greeting()).toBe('closed');
  });

  it('refuses the listener when destinations cannot be known', async () => {
    manager = make({ prepareRedirection: () => 'no kernel for it' });
    expect(await put(listener('virtual', '127.0.0.1', 0, VIRTUAL))).toEqual([
      { resource: 'virtual', message: 'no kernel for it' },
    ]);
  });
});

describe('listener filters', () => {
  it('do not wait for a silent client on ports where they are disabled', async () => {
    const disabledFor = { tlsInspector: (port: number) => port === 3306 };
    const inspecting = { ...VIRTUAL, tlsInspector: true, inspectTimeoutMs: 0, disabledFor };
    await put(listener('virtual', '127.0.0.1', 0, inspecting));
    destination = { ip: '10.0.0.7', port: 3306 };
    expect(await greeting()).toBe('virtual 10.0.0.7:3306 client -');
  });

  it('let a silent client through after a while where the configuration says so', async () => {
    const patient = { ...VIRTUAL, tlsInspector: true, inspectTimeoutMs: 20, continueOnInspectTimeout: true };
    await put(listener('virtual', '127.0.0.1', 0, patient));
    expect(await greeting()).toMatch(/^virtual/);
    expect(manager.list()[0]?.listener.stats.downstream_pre_cx_timeout).toBe(1);
  });

  it('take the addresses of a PROXY header, and refuse connections without one', async () => {
    const proxyProtocol = { optional: false, versions: new Set([1, 2] as const) };
    await put(listener('virtual', '127.0.0.1', 0, { bindToPort: true, proxyProtocol }));
    const said = open();
    said.write('PROXY TCP4 198.51.100.7 10.0.0.7 4711 443\r\n');
    expect(await greeting(said)).toBe('virtual 10.0.0.7:443 198.51.100.7:4711 -');
    const silent = open();
    silent.write('GET / HTTP/1.1\r\n');
    expect(await greeting(silent)).toBe('closed');
    expect(manager.list()[0]?.listener.stats.downstream_cx_proxy_proto_error).toBe(1);
  });
});

describe('leaving', () => {
  it('asks connections to go and serves new ones', async () => {
    await put(listener('inbound', '127.0.0.1', 0, { ...VIRTUAL, direction: 'inbound' }));
    const before = open();
    await greeting(before);
    manager.leave(true);
    expect(drained).toEqual(['inbound']);
    expect(await greeting()).toMatch(/^inbound/);
  });
});

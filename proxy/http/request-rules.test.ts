import { describe, expect, it } from 'vitest';
import { ManualClock } from '../../common/runtime/testing.js';
import { applyClientCert } from './client-cert.js';
import { CoarseTimers } from './coarse-timers.js';
import type { ConnectionManagerConfig } from './connection-manager-config.js';
import { applyForwarded } from './forwarded-for.js';
import { HeaderList } from './headers.js';
import { normalizePath } from './path-normalization.js';
import { newRequestId } from './request-id.js';
import { type ConnectionInfo, type PeerInfo, PLAINTEXT_PEER } from './stream-info.js';
import { testConfig } from './testing.js';

const list = (fields: Readonly<Record<string, string>>): HeaderList => {
  const headers = new HeaderList();
  for (const [name, value] of Object.entries(fields)) headers.append(name, value);
  return headers;
};

describe('normalizePath', () => {
  const all = { normalize: true, mergeSlashes: true, escapedSlashes: 'keep' } as const;
  it.each([
    ['/a/b?x=/../', all, '/a/b?x=/../'],
    ['/a/../b/./c//d%41%2f?x=/../', all, '/b/c/dA%2f?x=/../'],
    ['/../../x', all, '/x'],
    ['/a/..', all, '/'],
    ['/a/.', all, '/a/'],
    ['/%2e%2e/a', all, '/a'],
    ['/a\\b', all, '/a/b'],
    ['/a%zz', all, '/a%zz'],
    ['/a//b', { ...all, mergeSlashes: false }, '/a//b'],
    ['/a%2Fb', { ...all, escapedSlashes: 'forward' }, '/a/b'],
    ['/a%2F..%5c%2e%2e/b', { ...all, escapedSlashes: 'forward' }, '/b'],
  ] as const)('makes %s with %j to %s', (path, settings, expected) => {
    expect(normalizePath(path, settings)).toEqual({ kind: 'ok', path: expected });
  });

  it('rejects and redirects', () => {
    expect(normalizePath('/a%00', all)).toEqual({ kind: 'reject' });
    expect(normalizePath('/a%2fb', { ...all, escapedSlashes: 'reject' })).toEqual({ kind: 'reject' });
    expect(normalizePath('/a%2fb?q', { ...all, escapedSlashes: 'redirect' })).toEqual({
      kind: 'redirect',
      path: '/a/b?q',
    });
  });
});

describe('applyClientCert', () => {
  const peer: PeerInfo = {
    ...PLAINTEXT_PEER,
    mtls: true,
    uriSan: 'spiffe://cluster.local/ns/a/sa/client',
    localUriSan: 'spiffe://cluster.local/ns/b/sa/server',
    sha256: 'ab12',
    dnsSans: ['x.y'],
    subject: 'CN="q"',
  };
  const element =
    'By=spiffe://cluster.local/ns/b/sa/server;Hash=ab12;Subject="CN=\\"q\\"";URI=spiffe://cluster.local/ns/a/sa/client;DNS=x.y';
  const details = { subject: true, uri: true, dns: true, cert: false, chain: false };

  it.each([
    ['sanitize', peer, undefined],
    ['forward-only', peer, 'old'],
    ['append-forward', peer, `old,${element}`],
    ['sanitize-set', peer, element],
    ['always-forward-only', peer, 'old'],
    ['forward-only', PLAINTEXT_PEER, undefined],
    ['append-forward', PLAINTEXT_PEER, undefined],
    ['sanitize-set', PLAINTEXT_PEER, undefined],
    ['always-forward-only', PLAINTEXT_PEER, 'old'],
  ] as const)('%s', (mode, from: PeerInfo, expected) => {
    const headers = list({ 'X-Forwarded-Client-Cert': 'old' });
    applyClientCert(headers, from, testConfig({ forwardClientCert: mode, clientCertDetails: details }));
    expect(headers.joined('x-forwarded-client-cert')).toBe(expected);
  });
});

describe('applyForwarded', () => {
  const connection = { remoteIp: '10.1.1.1' } as ConnectionInfo;
  const apply = (fields: Record<string, string>, xff: Partial<ConnectionManagerConfig['xff']>): HeaderList => {
    const headers = list(fields);
    applyForwarded(headers, connection, false, { useRemoteAddress: false, trustedHops: 0, skipAppend: false, ...xff });
    return headers;
  };

  it('believes the scheme of a mesh peer, and adds one where there is none', () => {
    expect(apply({ 'x-forwarded-proto': 'https' }, {}).get('x-forwarded-proto')).toBe('https');
    expect(apply({}, {}).get('x-forwarded-proto')).toBe('http');
  });

  it('overwrites what an edge client claims', () => {
    const claims = {
      'x-forwarded-for': '1.1.1.1',
      'x-forwarded-proto': 'https',
      'x-envoy-external-address': '2.2.2.2',
    };
    const headers = apply(
      { ...claims, 'x-envoy-original-path': '/x', 'x-envoy-original-dst-host': '1.2.3.4:5' },
      { useRemoteAddress: true },
    );
    expect(headers.joined('x-forwarded-for')).toBe('1.1.1.1,10.1.1.1');
    expect(headers.get('x-forwarded-proto')).toBe('http');
    expect(headers.get('x-envoy-external-address')).toBe('10.1.1.1');
    expect(headers.has('x-envoy-original-path')).toBe(false);
    expect(headers.has('x-envoy-original-dst-host')).toBe(false);
  });

  it('takes the external address of a trusted hop', () => {
    const headers = apply({ 'x-forwarded-for': '1.1.1.1, 3.3.3.3' }, { useRemoteAddress: true, trustedHops: 1 });
    expect(headers.get('x-envoy-external-address')).toBe('3.3.3.3');
  });

  it('strips the fields that only the mesh may set', () => {
    const headers = apply({ 'X-Envoy-Retry-On': '5xx', 'x-envoy-internal': 'true', 'x-envoy-attempt-count': '1' }, {});
    expect(headers.has('x-envoy-retry-on') || headers.has('x-envoy-internal')).toBe(false);
    expect(headers.has('x-envoy-attempt-count')).toBe(true);
  });
});

describe('newRequestId', () => {
  it('makes distinct UUIDs of version 4', () => {
    const ids = new Set(Array.from({ length: 1000 }, newRequestId));
    expect(ids.size).toBe(1000);
    for (const id of ids) expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  });
});

describe('CoarseTimers', () => {
  it('wakes at the earliest deadline, keeps one timer, and forgets what was cancelled', () => {
    const clock = new ManualClock();
    clock.advance(1000);
    const timers = new CoarseTimers(clock, 50);
    const woken: string[] = [];
    const sleeper = (name: string) => ({ wakeAt: 0, onWake: () => void woken.push(name) });
    const [a, b, c] = [sleeper('a'), sleeper('b'), sleeper('c')];
    timers.schedule(a, 1500);
    timers.schedule(a, 9000);
    timers.schedule(b, 3000);
    timers.schedule(b, 1200);
    timers.schedule(c, 1100);
    timers.cancel(c);
    expect(clock.pending).toBe(1);
    clock.advance(100);
    expect(woken).toEqual([]);
    clock.advance(100);
    expect(woken).toEqual(['b']);
    clock.advance(300);
    expect(woken).toEqual(['b', 'a']);
    expect(clock.pending).toBe(0);
  });
});

import { describe, expect, it } from 'vitest';
import type { FilterChainConfig, FilterChainMatchConfig } from './config.js';
import { type ConnectionCriteria, FilterChainMatcher } from './filter-chain-match.js';

const ANY: FilterChainMatchConfig = {
  destinationPort: undefined,
  prefixRanges: [],
  serverNames: [],
  transportProtocol: '',
  applicationProtocols: [],
  sourceType: 'any',
  sourcePrefixRanges: [],
  sourcePorts: [],
};

function chain(name: string, match: Partial<FilterChainMatchConfig>): FilterChainConfig {
  return { name, match: { ...ANY, ...match } } as FilterChainConfig;
}

const CONNECTION: ConnectionCriteria = {
  destinationIp: '10.0.0.1',
  destinationPort: 80,
  serverName: '',
  transportProtocol: 'raw_buffer',
  applicationProtocols: [],
  sourceIp: '10.0.0.9',
  sourcePort: 4000,
};

function build(...chains: FilterChainConfig[]): FilterChainMatcher {
  const matcher = FilterChainMatcher.build(chains, chain('default', {}));
  if (!(matcher instanceof FilterChainMatcher)) throw new Error(matcher.errors.join());
  return matcher;
}

describe('filter chain match', () => {
  it.each<[string, FilterChainConfig[], Partial<ConnectionCriteria>, string]>([
    ['port before no port', [chain('any', {}), chain('port', { destinationPort: 80 })], {}, 'port'],
    [
      'no way back from a port',
      [chain('any', {}), chain('port', { destinationPort: 80, transportProtocol: 'tls' })],
      {},
      'default',
    ],
    [
      'longest prefix',
      [chain('8', { prefixRanges: ['10.0.0.0/8'] }), chain('32', { prefixRanges: ['10.0.0.1/32'] })],
      {},
      '32',
    ],
    ['prefix before none', [chain('any', {}), chain('8', { prefixRanges: ['10.0.0.0/8'] })], {}, '8'],
    ['IPv4-mapped', [chain('8', { prefixRanges: ['10.0.0.0/8'] })], { destinationIp: '::ffff:10.0.0.1' }, '8'],
    ['IPv6', [chain('6', { prefixRanges: ['2001:db8::/32'] })], { destinationIp: '2001:db8::1' }, '6'],
    [
      'exact name',
      [chain('w', { serverNames: ['*.a.com'] }), chain('e', { serverNames: ['b.a.com'] })],
      { serverName: 'b.a.com' },
      'e',
    ],
    [
      'longest wildcard',
      [chain('w', { serverNames: ['*.com'] }), chain('l', { serverNames: ['*.a.com'] })],
      { serverName: 'b.a.com' },
      'l',
    ],
    [
      'a wildcard is not its own name',
      [chain('w', { serverNames: ['*.a.com'] }), chain('any', {})],
      { serverName: 'a.com' },
      'any',
    ],
    ['transport', [chain('tls', { transportProtocol: 'tls' }), chain('any', {})], {}, 'any'],
    [
      'ALPN',
      [chain('mesh', { applicationProtocols: ['istio', 'istio-h2'] }), chain('any', {})],
      { applicationProtocols: ['h2', 'istio'] },
      'mesh',
    ],
    [
      'other ALPN',
      [chain('mesh', { applicationProtocols: ['istio'] }), chain('any', {})],
      { applicationProtocols: ['h2'] },
      'any',
    ],
    ['external', [chain('x', { sourceType: 'external' }), chain('l', { sourceType: 'same-ip-or-loopback' })], {}, 'x'],
    [
      'loopback',
      [chain('x', { sourceType: 'external' }), chain('l', { sourceType: 'same-ip-or-loopback' })],
      { sourceIp: '127.0.0.1' },
      'l',
    ],
    [
      'same address',
      [chain('l', { sourceType: 'same-ip-or-loopback' }), chain('any', {})],
      { sourceIp: '10.0.0.1' },
      'l',
    ],
    ['source prefix', [chain('s', { sourcePrefixRanges: ['10.0.0.8/31'] }), chain('any', {})], {}, 's'],
    ['source port', [chain('s', { sourcePorts: [4000] }), chain('any', {})], {}, 's'],
    ['nothing', [chain('p', { destinationPort: 81 })], {}, 'default'],
  ])('%s', (_name, chains, connection, expected) => {
    expect(build(...chains).match({ ...CONNECTION, ...connection })?.name).toBe(expected);
  });

  it('refuses two chains with the same match, however it is written', () => {
    const matcher = FilterChainMatcher.build(
      [chain('a', { prefixRanges: ['10.1.2.3/8'] }), chain('b', { prefixRanges: ['10.0.0.0/8', '11.0.0.0/8'] })],
      undefined,
    );
    expect('errors' in matcher && matcher.errors).toEqual(["filter chains 'a' and 'b' have the same match"]);
  });
});

import { describe, expect, it } from 'vitest';
import { applyCapture, nameServers, networkIpv6, type RunProgram } from './apply.js';
import type { CaptureSettings } from './settings.js';

const SETTINGS: CaptureSettings = {
  outboundPort: 15001,
  inboundPort: 15006,
  proxyUids: ['1337'],
  proxyGids: [],
  mode: 'REDIRECT',
  tproxyMark: 1337,
  tproxyTable: 133,
  inboundPorts: 'all',
  inboundPortsExcluded: [],
  outboundRanges: 'all',
  outboundRangesExcluded: [],
  outboundPorts: [],
  outboundPortsExcluded: [],
  interfacesExcluded: [],
  virtualInterfaces: [],
  dns: undefined,
};

const OK = { status: 0, stdout: '', stderr: '' };

/** Programs that answer as told; what was called is noted. */
function machine(answers: Readonly<Record<string, { status: number | undefined; stderr?: string }>>) {
  const calls: string[] = [];
  const run: RunProgram = (program, args) => {
    calls.push([program, ...args].join(' '));
    const answer = answers[program];
    return answer === undefined ? OK : { stdout: '', stderr: '', ...answer };
  };
  return { calls, run };
}

describe('applyCapture', () => {
  it('restores each family in one go', () => {
    const { calls, run } = machine({});
    expect(applyCapture(SETTINGS, run, 'yes').errors).toEqual([]);
    expect(calls).toEqual([
      'iptables-save',
      'iptables-restore --noflush --wait=30',
      'ip6tables-save',
      'ip6tables-restore --noflush --wait=30',
      'ip -6 addr replace ::6/128 dev lo',
    ]);
  });

  it('takes the variant that works', () => {
    const { calls, run } = machine({
      'iptables-restore': { status: 3 },
      'iptables-nft-restore': { status: undefined },
    });
    expect(applyCapture(SETTINGS, run, 'no').errors).toEqual([]);
    expect(calls.at(-1)).toMatch(/^iptables-legacy-restore/);
  });

  it('routes marked packets for TPROXY, once however often it runs', () => {
    const { calls, run } = machine({});
    applyCapture({ ...SETTINGS, mode: 'TPROXY' }, run, 'no');
    expect(calls.slice(2)).toEqual([
      'ip -4 rule del fwmark 1337 lookup 133',
      'ip -4 rule add fwmark 1337 lookup 133',
      'ip -4 route replace local default dev lo table 133',
    ]);
  });

  it.each([
    [{ status: undefined }, 'is not installed in this image'],
    [{ status: 4, stderr: 'Permission denied (you must be root)' }, 'NET_ADMIN'],
    [{ status: 3, stderr: "can't initialize iptables table `nat': Table does not exist" }, 'xt_REDIRECT'],
    [{ status: 2, stderr: 'line 3 failed' }, 'refuses the rules'],
  ])('says what %j means', (answer, expected) => {
    const names = ['iptables-restore', 'iptables-nft-restore', 'iptables-legacy-restore'];
    const { run } = machine(Object.fromEntries(names.map((name) => [name, answer])));
    expect(applyCapture(SETTINGS, run, 'no').errors).toEqual([expect.stringContaining(expected)]);
  });

  it('lets IPv6 fail only where nothing can go out by it', () => {
    const names = ['ip6tables-restore', 'ip6tables-nft-restore', 'ip6tables-legacy-restore'];
    const { run } = machine(Object.fromEntries(names.map((name) => [name, { status: 3 }])));
    expect(applyCapture(SETTINGS, run, 'unlikely').errors).toEqual([]);
    expect(applyCapture(SETTINGS, run, 'yes').errors).toHaveLength(1);
  });
});

describe('networkIpv6', () => {
  const LO = '00000000000000000000000000000001 01 80 10 80       lo\n';
  it.each([
    ['', 'no'],
    [LO, 'unlikely'],
    [`${LO}fe80000000000000a8aaaafffeaaaaaa 02 40 20 80     eth0\n`, 'unlikely'],
    [`${LO}fd000000000000000000000000000007 02 40 00 80     eth0\n`, 'yes'],
  ])('%j: %s', (text, expected) => {
    expect(networkIpv6(() => text)).toBe(expected);
  });
});

it('finds name servers', () => {
  expect(nameServers('search a\nnameserver 10.96.0.10\n nameserver fe80::1%eth0\n#nameserver 1.1.1.1\n')).toEqual([
    '10.96.0.10',
    'fe80::1',
  ]);
});

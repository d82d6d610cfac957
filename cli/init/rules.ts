import { type CaptureSettings, type Family, isOf } from './settings.js';

/** One table of iptables: our chains, their rules, and the rules of built-in chains that lead to them. */
export interface Table {
  readonly name: 'mangle' | 'nat' | 'raw';
  readonly chains: readonly string[];
  readonly rules: readonly string[];
  readonly entries: readonly string[];
}

/** Addresses that stand for the pod itself. */
interface Own {
  readonly loopback: string;
  /** From here the sidecar speaks to the application's ports: nobody else may take that for a captured connection. */
  readonly source: string;
}

const OWN: Readonly<Record<Family, Own>> = {
  v4: { loopback: '127.0.0.1/32', source: '127.0.0.6/32' },
  v6: { loopback: '::1/128', source: '::6/128' },
};

/**
 * The rules that lead a pod's TCP connections through its sidecar, by Istio's chains and in their order. There is no
 * exception for a tunnel port: a port that nothing watches would be a way around every policy.
 */
export function captureRules(settings: CaptureSettings, family: Family): readonly Table[] {
  const tables = [natTable(settings, family)];
  if (settings.mode === 'TPROXY') tables.unshift(mangleTable(settings, OWN[family]));
  if (settings.dns !== undefined) tables.push(rawTable(settings, settings.dns, family));
  return tables;
}

function natTable(settings: CaptureSettings, family: Family): Table {
  const { mode, inboundPorts, dns } = settings;
  const inbound = mode === 'REDIRECT' && (inboundPorts === 'all' || inboundPorts.length > 0);
  const chains = ['ISTIO_INBOUND', 'ISTIO_REDIRECT', 'ISTIO_IN_REDIRECT', 'ISTIO_OUTPUT'];
  return {
    name: 'nat',
    chains: dns === undefined ? chains : [...chains, 'ISTIO_OUTPUT_DNS'],
    rules: [
      `-A ISTIO_REDIRECT -p tcp -j REDIRECT --to-ports ${settings.outboundPort}`,
      `-A ISTIO_IN_REDIRECT -p tcp -j REDIRECT --to-ports ${settings.inboundPort}`,
      ...(inbound ? inboundRules(settings, 'ISTIO_IN_REDIRECT') : []),
      ...outboundRules(settings, family),
    ],
    entries: [
      ...virtualInterfaceEntries(settings, family),
      ...(inbound ? ['-A PREROUTING -p tcp -j ISTIO_INBOUND'] : []),
      '-A OUTPUT -j ISTIO_OUTPUT',
    ],
  };
}

function inboundRules({ inboundPorts, inboundPortsExcluded, ...rest }: CaptureSettings, target: string): string[] {
  const leave = [...rest.interfacesExcluded, ...rest.virtualInterfaces].map(
    (name) => `-A ISTIO_INBOUND -i ${name} -j RETURN`,
  );
  if (inboundPorts !== 'all') {
    return [...leave, ...inboundPorts.map((port) => `-A ISTIO_INBOUND -p tcp --dport ${port} -j ${target}`)];
  }
  const excluded = inboundPortsExcluded.map((port) => `-A ISTIO_INBOUND -p tcp --dport ${port} -j RETURN`);
  return [...leave, ...excluded, `-A ISTIO_INBOUND -p tcp -j ${target}`];
}

function outboundRules(settings: CaptureSettings, family: Family): string[] {
  const { loopback, source } = OWN[family];
  const ours = (ranges: readonly string[]): readonly string[] => ranges.filter((range) => isOf(family, range));
  const { outboundRanges } = settings;
  const captured =
    outboundRanges === 'all'
      ? ['-j ISTIO_REDIRECT']
      : ours(outboundRanges).map((range) => `-d ${range} -j ISTIO_REDIRECT`);
  return [
    ...settings.interfacesExcluded.map((name) => `-o ${name} -j RETURN`),
    // Before connections of the proxy to its own pod come back to it.
    ...settings.outboundPortsExcluded.map((port) => `-p tcp --dport ${port} -j RETURN`),
    `-o lo -s ${source} -j RETURN`,
    ...settings.proxyUids.flatMap((uid) => ownTraffic('uid', uid, loopback, settings)),
    ...settings.proxyGids.flatMap((gid) => ownTraffic('gid', gid, loopback, settings)),
    ...(settings.dns === undefined ? [] : ['-j ISTIO_OUTPUT_DNS']),
    `-d ${loopback} -j RETURN`,
    ...ours(settings.outboundRangesExcluded).map((range) => `-d ${range} -j RETURN`),
    ...settings.outboundPorts.map((port) => `-p tcp --dport ${port} -j ISTIO_REDIRECT`),
    ...captured,
  ]
    .map((rule) => `-A ISTIO_OUTPUT ${rule}`)
    .concat(dnsRedirects(settings, family));
}

/** What the proxy sends to its own pod is inbound; what others send over loopback is theirs; the rest of its own goes out. */
function ownTraffic(owner: 'uid' | 'gid', id: string, loopback: string, { dns }: CaptureSettings): string[] {
  const notDns = dns === undefined ? '' : ' ! --dport 53';
  const tcp = dns === undefined ? '' : '-p tcp ! --dport 53 ';
  return [
    `-o lo ! -d ${loopback} -p tcp${notDns} -m owner --${owner}-owner ${id} -j ISTIO_IN_REDIRECT`,
    `-o lo ${tcp}-m owner ! --${owner}-owner ${id} -j RETURN`,
    `-m owner --${owner}-owner ${id} -j RETURN`,
  ];
}

function virtualInterfaceEntries({ virtualInterfaces, outboundRanges }: CaptureSettings, family: Family): string[] {
  return virtualInterfaces.flatMap((name) =>
    outboundRanges === 'all'
      ? [`-A PREROUTING -i ${name} -j ISTIO_REDIRECT`]
      : outboundRanges
          .filter((range) => isOf(family, range))
          .map((range) => `-A PREROUTING -i ${name} -d ${range} -j ISTIO_REDIRECT`),
  );
}

/** `-d` of each captured name server of a family; `['']` for all of them. */
function dnsTargets(dns: NonNullable<CaptureSettings['dns']>, family: Family): readonly string[] {
  if (dns.servers === 'all') return [''];
  return dns.servers.filter((ip) => isOf(family, ip)).map((ip) => ` -d ${ip}/${family === 'v4' ? 32 : 128}`);
}

function dnsRedirects(settings: CaptureSettings, family: Family): string[] {
  const { dns, proxyUids, proxyGids } = settings;
  if (dns === undefined) return [];
  const targets = dnsTargets(dns, family);
  const redirect = (protocol: string) => (target: string) =>
    `-A ISTIO_OUTPUT_DNS -p ${protocol} --dport 53${target} -j REDIRECT --to-ports ${dns.port}`;
  return [
    ...targets.map(redirect('tcp')),
    ...proxyUids.map((uid) => `-A ISTIO_OUTPUT_DNS -p udp --dport 53 -m owner --uid-owner ${uid} -j RETURN`),
    ...proxyGids.map((gid) => `-A ISTIO_OUTPUT_DNS -p udp --dport 53 -m owner --gid-owner ${gid} -j RETURN`),
    ...targets.map(redirect('udp')),
  ];
}

/** Two zones of connection tracking: the same ports between proxy and server must not be taken for those that it serves. */
function rawTable(settings: CaptureSettings, dns: NonNullable<CaptureSettings['dns']>, family: Family): Table {
  const owners = [
    ...settings.proxyUids.map((uid) => `--uid-owner ${uid}`),
    ...settings.proxyGids.map((gid) => `--gid-owner ${gid}`),
  ];
  const targets = dnsTargets(dns, family);
  return {
    name: 'raw',
    chains: ['ISTIO_OUTPUT_DNS', 'ISTIO_INBOUND'],
    rules: [
      ...owners.flatMap((owner) => [
        `-A ISTIO_OUTPUT_DNS -p udp --dport 53 -m owner ${owner} -j CT --zone 1`,
        `-A ISTIO_OUTPUT_DNS -p udp --sport ${dns.port} -m owner ${owner} -j CT --zone 2`,
      ]),
      ...targets.map((target) => `-A ISTIO_OUTPUT_DNS -p udp --dport 53${target} -j CT --zone 2`),
      ...targets.map((target) => `-A ISTIO_INBOUND -p udp --sport 53${target.replace('-d', '-s')} -j CT --zone 1`),
    ],
    entries: ['-A OUTPUT -j ISTIO_OUTPUT_DNS', '-A PREROUTING -j ISTIO_INBOUND'],
  };
}

/** Inbound connections keep source and destination on their way into the proxy, by the mark that routes them to it. */
function mangleTable(settings: CaptureSettings, { loopback, source }: Own): Table {
  const { tproxyMark: mark, inboundPort } = settings;
  const looped = mark + 1;
  const owners = [
    ...settings.proxyUids.map((uid) => `--uid-owner ${uid}`),
    ...settings.proxyGids.map((gid) => `--gid-owner ${gid}`),
  ];
  const captures = inboundRules(settings, 'ISTIO_TPROXY');
  const established = '-A ISTIO_INBOUND -p tcp -m conntrack --ctstate RELATED,ESTABLISHED -j ISTIO_DIVERT';
  const exclusions = captures.filter((rule) => rule.endsWith('RETURN'));
  return {
    name: 'mangle',
    chains: ['ISTIO_DIVERT', 'ISTIO_TPROXY', 'ISTIO_INBOUND', 'ISTIO_PREROUTING', 'ISTIO_OUTPUT'],
    rules: [
      `-A ISTIO_DIVERT -j MARK --set-mark ${mark}`,
      '-A ISTIO_DIVERT -j ACCEPT',
      `-A ISTIO_TPROXY ! -d ${loopback} -p tcp -j TPROXY --tproxy-mark ${mark}/0xffffffff --on-port ${inboundPort}`,
      `-A ISTIO_INBOUND -p tcp -m mark --mark ${mark} -j RETURN`,
      `-A ISTIO_INBOUND -p tcp -s ${source} -i lo -j RETURN`,
      `-A ISTIO_INBOUND -p tcp -i lo -m mark ! --mark ${looped} -j RETURN`,
      ...exclusions,
      established,
      ...captures.filter((rule) => !exclusions.includes(rule)),
      `-A ISTIO_PREROUTING -p tcp -m mark --mark ${mark} -j CONNMARK --save-mark`,
      `-A ISTIO_OUTPUT -p tcp -o lo -m mark --mark ${mark} -j RETURN`,
      ...owners.map(
        (owner) => `-A ISTIO_OUTPUT ! -d ${loopback} -p tcp -o lo -m owner ${owner} -j MARK --set-mark ${looped}`,
      ),
      `-A ISTIO_OUTPUT -p tcp -m connmark --mark ${mark} -j CONNMARK --restore-mark`,
    ],
    entries: [
      '-A PREROUTING -p tcp -j ISTIO_INBOUND',
      '-A PREROUTING -p tcp -j ISTIO_PREROUTING',
      '-A OUTPUT -p tcp -j ISTIO_OUTPUT',
    ],
  };
}

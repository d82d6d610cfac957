import type { ServiceEntrySpec } from '../api/kinds/service-entry.js';
import type { ConfigObject } from '../api/object.js';
import { compare } from '../model/order.js';
import { AnalysisCode } from './codes.js';
import { titleOf } from './conflicts.js';
import { isExported, type Registry } from './registry.js';
import type { Reporter } from './reporter.js';

type Entry = ConfigObject<ServiceEntrySpec>;

/** ServiceEntries that captured connections cannot be told by, and those that say different things about one port. */
export function checkServiceEntries(registry: Registry, report: Reporter): void {
  const entries = registry.all('ServiceEntry');
  for (const entry of entries) {
    checkAddresses(entry, report);
    checkDynamicNames(entry, report);
  }
  checkProtocols(entries, report);
}

/** TCP tells no host: a pod's connection is known by its address alone. */
function checkAddresses(entry: Entry, report: Reporter): void {
  const { spec } = entry;
  if ((spec.addresses ?? []).length > 0 || getsAddress(entry)) return;
  for (const [i, { protocol = '' }] of (spec.ports ?? []).entries()) {
    if (protocol !== '' && protocol.toUpperCase() !== 'TCP') continue;
    report.warning(
      entry,
      AnalysisCode.addressesRequired,
      `spec.ports[${i}].protocol`,
      'carries TCP, but nothing tells its connections from others to this port: name addresses, or a resolution by which the host gets one',
    );
  }
}

/** Only what names its host can be looked up. */
function checkDynamicNames(entry: Entry, report: Reporter): void {
  const { hosts, resolution, endpoints = [], ports = [] } = entry.spec;
  if (resolution !== 'DYNAMIC_DNS' || endpoints.length > 0 || !hosts.some((host) => host.startsWith('*'))) return;
  for (const [i, { protocol = '' }] of ports.entries()) {
    if (!/^(TCP|MONGO|MYSQL|REDIS)$/i.test(protocol)) continue;
    report.warning(
      entry,
      AnalysisCode.namesUnread,
      `spec.ports[${i}].protocol`,
      `names no host that is looked up: with DYNAMIC_DNS a wildcard host is reached by HTTP and TLS only, which name it, and a pod's ${protocol.toUpperCase()} connections to it fail; resolution NONE lets them go where they were going`,
    );
  }
}

/** Whether the mesh makes up an address of the host. */
function getsAddress({ metadata, spec }: Entry): boolean {
  const refused = metadata.labels['networking.istio.io/enable-autoallocate-ip'] === 'false';
  return !refused && (spec.resolution ?? 'NONE') !== 'NONE' && spec.hosts.every((host) => !host.startsWith('*'));
}

interface Claim {
  readonly entry: Entry;
  readonly protocol: string;
}

function checkProtocols(entries: readonly Entry[], report: Reporter): void {
  const claims = new Map<string, Claim[]>();
  for (const entry of entries) {
    for (const host of entry.spec.hosts) {
      for (const { number, protocol = '' } of entry.spec.ports ?? []) {
        const key = `${host.toLowerCase()}:${number}`;
        const list = claims.get(key) ?? [];
        list.push({ entry, protocol: protocol.toUpperCase() || 'none' });
        claims.set(key, list);
      }
    }
  }
  const reported = new Set<Entry>();
  for (const [place, all] of claims) {
    for (const claim of all) {
      const rivals = all.filter((other) => other.protocol !== claim.protocol && seenTogether(other.entry, claim.entry));
      if (rivals.length === 0 || reported.has(claim.entry)) continue;
      reported.add(claim.entry);
      const others = rivals.map(({ entry, protocol }) => `${titleOf(entry)} (${protocol})`).sort(compare);
      report.warning(
        claim.entry,
        AnalysisCode.conflictingEntryProtocol,
        'spec.ports',
        `says that ${place} carries ${claim.protocol}, and others say otherwise: ${others.join(', ')}; only one of them counts`,
      );
    }
  }
}

/** Whether some namespace sees both. */
function seenTogether(a: Entry, b: Entry): boolean {
  const namesOf = ({ metadata, spec }: Entry): string[] => [metadata.namespace, ...(spec.exportTo ?? [])];
  const names = [...namesOf(a), ...namesOf(b)].filter((name) => name !== '.' && name !== '~');
  return ['*', ...names].some(
    (namespace) =>
      isExported(a.spec.exportTo ?? [], a.metadata.namespace, namespace) &&
      isExported(b.spec.exportTo ?? [], b.metadata.namespace, namespace),
  );
}

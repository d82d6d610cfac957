import { isIP } from 'node:net';
import { compare } from './order.js';
import type { Service } from './service.js';

/** Istio's ranges: 240.240.0.0/16 and 2001:2::/48. */
const PREFIX_V4 = '240.240';
const PREFIX_V6 = '2001:2::f0f0';
const SLOTS = 65_536;

/**
 * Gives hosts of ServiceEntries that nobody gave an address one of each family, by a hash of namespace and host, so that
 * they stay when other hosts come and go; of two that want the same, the older keeps it.
 * @param optedOut objects whose hosts are to have none
 */
export function withAutomaticAddresses(services: readonly Service[], optedOut: ReadonlySet<string>): Service[] {
  const wanting = services.filter((service) => needsAddress(service) && !optedOut.has(service.object));
  if (wanting.length === 0) return [...services];
  const slots = slotsOf(wanting, new Set(services.flatMap(({ addresses }) => addresses)));
  const given = new Set(wanting);
  return services.map((service) => {
    const slot = given.has(service) ? slots.get(keyOf(service)) : undefined;
    if (slot === undefined) return service;
    const automaticAddresses = [`${PREFIX_V4}.${slot >> 8}.${slot & 255}`, `${PREFIX_V6}:${slot.toString(16)}`];
    return { ...service, automaticAddresses };
  });
}

/** A wildcard is no name that could be looked up; what goes wherever it wanted to has to know where that is. */
function needsAddress({ object, addresses, host, resolution }: Service): boolean {
  return (
    object.startsWith('ServiceEntry ') &&
    addresses.length === 0 &&
    resolution !== 'none' &&
    !host.startsWith('*') &&
    isIP(host) === 0
  );
}

function slotsOf(services: readonly Service[], taken: ReadonlySet<string>): Map<string, number> {
  const used = new Set<number>();
  const slots = new Map<string, number>();
  const byAge = [...services].sort(
    (a, b) => compare(a.creationTimestamp, b.creationTimestamp) || compare(keyOf(a), keyOf(b)),
  );
  const free = (slot: number): boolean =>
    // Not the network's own address, nor the one for everybody in it.
    slot > 0 && slot < SLOTS - 1 && !used.has(slot) && !taken.has(`${PREFIX_V4}.${slot >> 8}.${slot & 255}`);
  for (const service of byAge) {
    const key = keyOf(service);
    if (slots.has(key) || used.size >= SLOTS / 2) continue;
    let slot = hash(key) % SLOTS;
    // An odd step comes by every slot.
    const step = (hash(`${key}#`) % SLOTS) | 1;
    while (!free(slot)) slot = (slot + step) % SLOTS;
    used.add(slot);
    slots.set(key, slot);
  }
  return slots;
}

function keyOf({ namespace, host }: Service): string {
  return `${namespace}/${host}`;
}

/** FNV-1a, 32 bits. */
function hash(text: string): number {
  let value = 0x811c9dc5;
  for (const byte of Buffer.from(text)) value = Math.imul(value ^ byte, 0x01000193) >>> 0;
  return value;
}

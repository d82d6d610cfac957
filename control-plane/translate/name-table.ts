import { isIP } from 'node:net';
import type {
  _istio_networking_nds_v1_NameTable_NameInfo as NameInfo,
  NameTable,
} from '../../proto/gen/istio/networking/nds/v1/NameTable.js';
import type { Service } from '../model/service.js';
import { familiesOf } from './capture.js';
import type { ProxyContext } from './context.js';

/** The name of the one resource of its type. */
export const NAME_TABLE = 'name-table';

/** Addresses by which a client's connections to a service are told from others; those made up are for who asks our DNS proxy. */
export function serviceAddresses(context: ProxyContext, service: Service): readonly string[] {
  if (service.addresses.length > 0 || context.node.dnsCapture !== true) return service.addresses;
  // One of a family that the client has not would lead it nowhere.
  const family = familiesOf(context);
  return service.automaticAddresses.filter((address) => family.includes(address));
}

/** Every name that a client knows with the addresses that it has in the mesh; other names are left to its name servers. */
export function nameTable(context: ProxyContext): NameTable {
  const table: Record<string, NameInfo> = {};
  for (const service of new Set(context.ports.map((visible) => visible.service))) {
    const ips = service.headless ? headlessAddresses(service) : singleAddresses(serviceAddresses(context, service));
    const known = table[service.host];
    if (ips.length > 0) table[service.host] = known ?? { ips, ...origin(service, '') };
    if (!service.headless) continue;
    for (const { hostname, workload, health } of service.endpoints) {
      if (hostname === undefined || health === 'unhealthy' || isIP(workload.address) === 0) continue;
      const ownIps = workload.pod?.addresses ?? [workload.address];
      table[`${hostname}.${service.host}`] = { ips: [...ownIps], ...origin(service, `${hostname}.`) };
    }
  }
  return { table };
}

function headlessAddresses({ endpoints }: Service): string[] {
  const ready = endpoints.filter(({ health }) => health === 'healthy');
  return singleAddresses(ready.flatMap(({ workload }) => workload.pod?.addresses ?? [workload.address])).sort();
}

function singleAddresses(addresses: readonly string[]): string[] {
  return [...new Set(addresses)].filter((address) => isIP(address) !== 0);
}

/** A cluster-local host has shorter names, which the DNS proxy derives. */
function origin({ host }: Service, prefix: string): NameInfo {
  const [, name = '', namespace = ''] = /^([^.]+)\.([^.]+)\.svc\./.exec(host) ?? [];
  if (name === '') return { registry: 'External' };
  return { registry: 'Kubernetes', shortname: `${prefix}${name}`, namespace };
}

import type { MeshGateway } from './gateways.js';
import { hostCovers } from './hosts.js';

/** One of the hosts of a Gateway's server: a name, and the namespace whose VirtualServices may bind to it. */
export interface ServerHost {
  /** Undefined for every namespace. */
  readonly namespace: string | undefined;
  /** In lower case; may be `*` or begin with `*.`. */
  readonly host: string;
}

/** `host`, `namespace/host`, `./host` (the Gateway's own namespace) or `*` + `/host`. */
export function serverHost(written: string, { namespace: own }: Pick<MeshGateway, 'namespace'>): ServerHost {
  const slash = written.indexOf('/');
  const host = written.slice(slash + 1).toLowerCase();
  if (slash < 0) return { namespace: undefined, host };
  const namespace = written.slice(0, slash);
  return { namespace: namespace === '*' ? undefined : namespace === '.' ? own : namespace, host };
}

/** The hosts that a server and a VirtualService of `namespace` have in common: of two that overlap, the narrower. */
export function commonHosts(
  servers: readonly ServerHost[],
  hosts: readonly string[],
  namespace: string,
): readonly string[] {
  const common = new Set<string>();
  for (const server of servers) {
    if (server.namespace !== undefined && server.namespace !== namespace) continue;
    for (const host of hosts) {
      if (hostCovers(server.host, host)) common.add(host);
      else if (hostCovers(host, server.host)) common.add(server.host);
    }
  }
  return [...common];
}

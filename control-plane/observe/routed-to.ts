import { resolveHost } from '../api/hosts.js';
import type { VirtualServiceSpec } from '../api/kinds/virtual-service.js';
import type { ConfigObject } from '../api/object.js';

interface ToHost {
  readonly destination: { readonly host: string };
}

/** Whether a VirtualService sends requests or connections, or copies of them, to `host`, whatever host they were for. */
export function routesTo({ metadata, spec }: ConfigObject<VirtualServiceSpec>, host: string): boolean {
  const { http = [], tls = [], tcp = [] } = spec;
  const targets: ToHost[] = [...http, ...tls, ...tcp].flatMap(({ route = [] }) => [...route]);
  const copies = http.flatMap(({ mirror, mirrors = [] }) => [
    ...(mirror === undefined ? [] : [mirror]),
    ...mirrors.map(({ destination }) => destination),
  ]);
  const hosts = [...targets.map(({ destination }) => destination), ...copies].map((destination) => destination.host);
  return hosts.some((written) => resolveHost(written, metadata.namespace) === host);
}

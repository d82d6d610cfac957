import { resolveHost } from '../api/hosts.js';
import type { VirtualServiceSpec } from '../api/kinds/virtual-service.js';
import type { ConfigObject } from '../api/object.js';
import { delegatesOf, withDelegates } from './delegates.js';
import { HostIndex, hostCovers } from './hosts.js';
import type { MeshSettings } from './mesh-settings.js';
import { byAge } from './order.js';
import { exportedTo, isVisible } from './visibility.js';

/** A VirtualService, ready to be acted on. */
export interface MeshVirtualService {
  readonly name: string;
  readonly namespace: string;
  /** Fully qualified; may hold wildcards. */
  readonly hosts: readonly string[];
  readonly exportTo: ReadonlySet<string>;
  /** With the routes of its delegates in it. */
  readonly spec: VirtualServiceSpec;
  readonly object: ConfigObject<VirtualServiceSpec>;
}

/** Which VirtualService routes a host: the most specific host, then the oldest object. */
export class VirtualServices {
  readonly #index: HostIndex<MeshVirtualService>;
  readonly #forTcp: readonly MeshVirtualService[];
  /** Those that sidecars act on, oldest first. */
  readonly all: readonly MeshVirtualService[];

  readonly #ofGateways: ReadonlyMap<string, readonly MeshVirtualService[]>;

  constructor(objects: readonly ConfigObject<VirtualServiceSpec>[], settings: MeshSettings) {
    const delegates = delegatesOf(objects, settings.virtualServiceExportTo);
    const every = [...objects].sort(byAge).map((object) => {
      const { namespace, name } = object.metadata;
      const hosts = (object.spec.hosts ?? []).map((host) => resolveHost(host, namespace));
      const exportTo = exportedTo(object.spec.exportTo, namespace, settings.virtualServiceExportTo);
      const spec = withDelegates(object.spec, namespace, delegates);
      return { name, namespace, hosts, exportTo, spec, object };
    });
    this.all = every.filter(({ object }) => forSidecars(object.spec.gateways));
    this.#ofGateways = byGateway(every);
    this.#forTcp = this.all.filter(({ spec }) => spec.tls !== undefined || spec.tcp !== undefined);
    this.#index = new HostIndex(this.all.flatMap((vs) => vs.hosts.map((host) => [host, vs] as const)));
  }

  find(
    host: string,
    clientNamespace: string,
    accept: (vs: MeshVirtualService) => boolean = () => true,
  ): MeshVirtualService | undefined {
    return this.#index.find(host, (vs) => isVisible(vs.exportTo, clientNamespace) && accept(vs));
  }

  /** All that concern a host, or hosts that it covers as a wildcard: routes of TCP and TLS add to each other. */
  findAll(host: string, clientNamespace: string): MeshVirtualService[] {
    return this.#forTcp.filter(
      (vs) =>
        isVisible(vs.exportTo, clientNamespace) &&
        vs.hosts.some((pattern) => hostCovers(pattern, host) || hostCovers(host, pattern)),
    );
  }

  /** Those that name a gateway (`namespace/name`), oldest first: their routes for one host follow each other. */
  ofGateway(key: string): readonly MeshVirtualService[] {
    return this.#ofGateways.get(key) ?? [];
  }
}

function byGateway(all: readonly MeshVirtualService[]): Map<string, MeshVirtualService[]> {
  const found = new Map<string, MeshVirtualService[]>();
  for (const vs of all) {
    for (const key of new Set((vs.spec.gateways ?? []).map((name) => gatewayKey(name, vs.namespace)))) {
      const list = found.get(key);
      if (list === undefined) found.set(key, [vs]);
      else list.push(vs);
    }
  }
  return found;
}

/** `namespace/name` of a gateway as an object of `namespace` names it. */
export function gatewayKey(name: string, namespace: string): string {
  return name.includes('/') ? name : `${namespace}/${name}`;
}

/** Whether a list of gateways (of a VirtualService or of a match) includes the sidecars. */
export function forSidecars(gateways: readonly string[] | undefined): boolean {
  return gateways === undefined || gateways.length === 0 || gateways.includes('mesh');
}

import { resolveHost } from '../api/hosts.js';
import type { VirtualServiceSpec } from '../api/kinds/virtual-service.js';
import type { ConfigObject } from '../api/object.js';
import { HostIndex } from './hosts.js';
import type { MeshSettings } from './mesh-settings.js';
import { byAge } from './order.js';
import { exportedTo, isVisible } from './visibility.js';

/** A VirtualService that sidecars act on. */
export interface MeshVirtualService {
  readonly name: string;
  readonly namespace: string;
  /** Fully qualified; may hold wildcards. */
  readonly hosts: readonly string[];
  readonly exportTo: ReadonlySet<string>;
  readonly spec: VirtualServiceSpec;
  readonly object: ConfigObject<VirtualServiceSpec>;
}

/** Which VirtualService routes a host: the most specific host, then the oldest object. */
export class VirtualServices {
  readonly #index: HostIndex<MeshVirtualService>;
  /** Those that sidecars act on, oldest first. */
  readonly all: readonly MeshVirtualService[];

  constructor(objects: readonly ConfigObject<VirtualServiceSpec>[], settings: MeshSettings) {
    this.all = [...objects]
      .sort(byAge)
      .filter(({ spec }) => forSidecars(spec.gateways))
      .map((object) => {
        const { namespace, name } = object.metadata;
        const hosts = (object.spec.hosts ?? []).map((host) => resolveHost(host, namespace));
        const exportTo = exportedTo(object.spec.exportTo, namespace, settings.virtualServiceExportTo);
        return { name, namespace, hosts, exportTo, spec: object.spec, object };
      });
    this.#index = new HostIndex(this.all.flatMap((vs) => vs.hosts.map((host) => [host, vs] as const)));
  }

  find(host: string, clientNamespace: string): MeshVirtualService | undefined {
    return this.#index.find(host, (vs) => isVisible(vs.exportTo, clientNamespace));
  }
}

/** Whether a list of gateways (of a VirtualService or of a match) includes the sidecars. */
export function forSidecars(gateways: readonly string[] | undefined): boolean {
  return gateways === undefined || gateways.length === 0 || gateways.includes('mesh');
}

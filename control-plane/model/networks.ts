import { BlockList, isIP } from 'node:net';
import { resolveHost } from '../api/hosts.js';
import type { NamespaceSpec, ServiceSpec } from '../api/kinds/core.js';
import type { MeshNetworksSpec } from '../api/kinds/mesh-networks.js';
import type { ConfigObject } from '../api/object.js';
import type { Workload } from './service.js';

const NETWORK_LABEL = 'topology.istio.io/network';
const PORT_LABEL = 'networking.istio.io/gatewayPort';
/** Where gateways between networks take mesh TLS. */
const GATEWAY_PORT = 15_443;

/** Where a network is entered from others. */
export interface NetworkEntrance {
  readonly address: string;
  readonly port: number;
}

export interface NetworkObjects {
  readonly mesh: MeshNetworksSpec | undefined;
  readonly services: readonly ConfigObject<ServiceSpec>[];
  readonly namespaces: readonly ConfigObject<NamespaceSpec>[];
  readonly rootNamespace: string;
  /** Of gateways that are given by host name, see {@link gatewayNames}. */
  readonly resolved?: ReadonlyMap<string, readonly string[]> | undefined;
}

/** The networks of the mesh: which workload is in which, and through what others are reached. */
export class Networks {
  readonly #entrances = new Map<string, NetworkEntrance[]>();
  readonly #ranges: { readonly name: string; readonly range: BlockList }[] = [];
  /** Of whatever says nothing else: the label of the root namespace. */
  readonly #own: string;
  readonly #resolved: ReadonlyMap<string, readonly string[]>;

  constructor({ mesh, services, namespaces, rootNamespace, resolved = new Map() }: NetworkObjects) {
    this.#resolved = resolved;
    const root = namespaces.find(({ metadata }) => metadata.name === rootNamespace);
    this.#own = root?.metadata.labels[NETWORK_LABEL] ?? '';
    for (const [name, { endpoints = [], gateways = [] }] of Object.entries(mesh?.networks ?? {})) {
      const range = new BlockList();
      for (const { fromCidr } of endpoints) if (fromCidr !== undefined) addRange(range, fromCidr);
      this.#ranges.push({ name, range });
      for (const { address, registryServiceName, port } of gateways) {
        const addresses = address === undefined ? externalAddresses(services, registryServiceName ?? '') : [address];
        for (const each of addresses) this.#add(name, each, port);
      }
    }
    for (const { metadata, spec } of services) {
      const name = metadata.labels[NETWORK_LABEL];
      if (name === undefined || name === '') continue;
      const port = Number(metadata.labels[PORT_LABEL] ?? GATEWAY_PORT);
      for (const address of externalOf(spec)) this.#add(name, address, port);
    }
  }

  /** Whether any network is told from others. */
  get several(): boolean {
    return this.#entrances.size > 0;
  }

  /** The network that a workload is in; empty for the one that has no name. */
  of({ network = '', address }: Pick<Workload, 'network' | 'address'>): string {
    if (network !== '') return network;
    const family = isIP(address);
    if (family === 0) return this.#own;
    const found = this.#ranges.find(({ range }) => range.check(address, family === 6 ? 'ipv6' : 'ipv4'));
    return found?.name ?? this.#own;
  }

  /** How a client of one network reaches another; undefined where it goes there directly, as far as anybody knows. */
  between(client: string, network: string): readonly NetworkEntrance[] | undefined {
    return client === network ? undefined : this.#entrances.get(network);
  }

  #add(network: string, written: string, port: number): void {
    const list = this.#entrances.get(network) ?? [];
    for (const address of isIP(written) === 0 ? (this.#resolved.get(written) ?? []) : [written]) {
      if (!list.some((known) => known.address === address && known.port === port)) list.push({ address, port });
    }
    if (list.length > 0) this.#entrances.set(network, list);
  }
}

const named = new WeakMap<NetworkObjects['services'], { readonly mesh: unknown; readonly names: readonly string[] }>();

/** The host names by which gateways of networks are given, each once. */
export function gatewayNames({ mesh, services }: Pick<NetworkObjects, 'mesh' | 'services'>): readonly string[] {
  const known = named.get(services);
  if (known !== undefined && known.mesh === mesh) return known.names;
  const names = namesOfGateways({ mesh, services });
  named.set(services, { mesh, names });
  return names;
}

function namesOfGateways({ mesh, services }: Pick<NetworkObjects, 'mesh' | 'services'>): string[] {
  const written = Object.values(mesh?.networks ?? {}).flatMap(({ gateways = [] }) =>
    gateways.flatMap(({ address, registryServiceName }) =>
      address === undefined ? externalAddresses(services, registryServiceName ?? '') : [address],
    ),
  );
  const labelled = services.filter(({ metadata }) => (metadata.labels[NETWORK_LABEL] ?? '') !== '');
  const all = [...written, ...labelled.flatMap(({ spec }) => externalOf(spec))];
  return [...new Set(all)].filter((name) => isIP(name) === 0);
}

function addRange(range: BlockList, cidr: string): void {
  const [address = '', length] = cidr.split('/');
  const family = isIP(address);
  const bits = length === undefined ? (family === 6 ? 128 : 32) : Number(length);
  if (family === 0 || !Number.isInteger(bits) || bits < 0 || bits > (family === 6 ? 128 : 32)) return;
  range.addSubnet(address, bits, family === 6 ? 'ipv6' : 'ipv4');
}

/** Of a Service by its name, `NAME.NAMESPACE.svc…`. */
function externalAddresses(services: readonly ConfigObject<ServiceSpec>[], written: string): readonly string[] {
  const host = resolveHost(written, 'default');
  const [name, namespace] = host.split('.');
  const found = services.find(({ metadata }) => metadata.name === name && metadata.namespace === namespace);
  return found === undefined ? [] : externalOf(found.spec);
}

function externalOf({ externalIPs = [], loadBalancer = [] }: ServiceSpec): readonly string[] {
  return [...externalIPs, ...loadBalancer.flatMap(({ ip, hostname }) => ip ?? hostname ?? [])];
}

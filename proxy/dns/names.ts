import { isIP, isIPv4 } from 'node:net';
import { TYPE } from '../../common/xds/type-urls.js';
import type {
  _istio_networking_nds_v1_NameTable_NameInfo__Output as NameInfo,
  NameTable__Output,
} from '../../proto/gen/istio/networking/nds/v1/NameTable.js';
import type { ResourceError, ResourceHandler, ResourceUpdate } from '../xds/resources.js';
import { plainName } from './resolv-conf.js';

/** The addresses of a name. */
export interface NameEntry {
  readonly v4: readonly string[];
  readonly v6: readonly string[];
  /** Answers begin with another address each time. */
  turn: number;
}

export interface FoundName {
  readonly entry: NameEntry;
  /** The name that has the addresses, where a search domain was added to it. */
  readonly canonical: string | undefined;
}

/** The names that the control plane knows, in the state of its last good table. */
export class Names implements ResourceHandler {
  readonly typeUrl = TYPE.nameTable;
  private entries: ReadonlyMap<string, NameEntry> | undefined;

  /**
   * @param namespace whose services are known by their bare names
   * @param searchDomain what applications' resolvers try first; queries for a full name with it are answered at once
   */
  constructor(
    private readonly namespace: string,
    private readonly searchDomain: () => string | undefined,
  ) {}

  /** Whether a table has come. */
  get known(): boolean {
    return this.entries !== undefined;
  }

  get size(): number {
    return this.entries?.size ?? 0;
  }

  apply({ upserts, removals }: ResourceUpdate): readonly ResourceError[] {
    for (const [resource, message] of upserts) {
      const faults: string[] = [];
      const entries = compile((message as NameTable__Output).table ?? {}, this.namespace, faults);
      if (faults.length > 0) return [{ resource, message: faults.slice(0, 10).join('; ') }];
      this.entries = entries;
    }
    if (upserts.size === 0 && removals.length > 0) this.entries = new Map();
    return [];
  }

  /** `query` may be in any case, and end with a dot. */
  find(query: string): FoundName | undefined {
    const name = plainName(query);
    const entry = this.entries?.get(name) ?? this.wildcard(name);
    if (entry !== undefined) return { entry, canonical: undefined };
    const domain = this.searchDomain();
    if (domain === undefined || !name.endsWith(`.${domain}`)) return undefined;
    const base = name.slice(0, -domain.length - 1);
    // A name of one label is no full name: what it means below a domain is not for us to say.
    if (!base.includes('.')) return undefined;
    const completed = this.entries?.get(base) ?? this.wildcard(base);
    return completed === undefined ? undefined : { entry: completed, canonical: base };
  }

  private wildcard(name: string): NameEntry | undefined {
    for (let dot = name.indexOf('.'); dot > 0; dot = name.indexOf('.', dot + 1)) {
      const entry = this.entries?.get(`*${name.slice(dot)}`);
      if (entry !== undefined) return entry;
    }
    return undefined;
  }
}

function compile(table: Readonly<Record<string, NameInfo>>, namespace: string, faults: string[]) {
  const entries = new Map<string, NameEntry>();
  for (const [host, info] of Object.entries(table)) {
    const bad = (info.ips ?? []).find((ip) => isIP(ip) === 0);
    if (bad !== undefined) faults.push(`${host}: '${bad}' is not an address`);
  }
  for (const [host, info] of Object.entries(table)) entries.set(plainName(host), entryOf(info));
  // A full name always means itself, whatever else is shortened to it.
  for (const [host, info] of Object.entries(table)) {
    const entry = entries.get(plainName(host));
    for (const short of shortNames(info, namespace)) {
      if (entry !== undefined && !entries.has(short)) entries.set(short, entry);
    }
  }
  return entries;
}

function entryOf({ ips = [] }: NameInfo): NameEntry {
  return { v4: ips.filter(isIPv4), v6: ips.filter((ip) => !isIPv4(ip)), turn: 0 };
}

/** `reviews.default.svc`, `reviews.default`, and `reviews` in its own namespace. */
function shortNames(info: NameInfo, own: string): string[] {
  const { registry, shortname = '', namespace = '', alt_hosts: others = [] } = info;
  const names = others.map(plainName);
  if (registry !== 'Kubernetes' || shortname === '' || namespace === '') return names;
  names.push(plainName(`${shortname}.${namespace}.svc`), plainName(`${shortname}.${namespace}`));
  if (namespace === own) names.push(plainName(shortname));
  return names;
}

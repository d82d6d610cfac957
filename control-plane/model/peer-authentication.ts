import type { PeerAuthenticationSpec } from '../api/kinds/peer-authentication.js';
import { selectorMatches } from '../api/labels.js';
import type { ConfigObject } from '../api/object.js';
import type { ConfigSet } from '../sources/source.js';
import { byAge } from './order.js';
import type { Workload } from './service.js';

type Selectable = Pick<Workload, 'namespace' | 'labels'>;

export type MtlsMode = 'strict' | 'permissive' | 'disable';

interface Policy {
  readonly mode: MtlsMode | undefined;
  readonly ports: ReadonlyMap<number, MtlsMode | undefined>;
}

interface Selected extends Policy {
  readonly selector: Readonly<Record<string, string>>;
}

/** Who may connect without mTLS (PeerAuthentication): mesh → namespace → workload → port, the narrower one wins. */
export class PeerAuthentications {
  readonly #mesh: MtlsMode;
  readonly #namespaces = new Map<string, MtlsMode>();
  readonly #workloads = new Map<string, Selected[]>();
  readonly #unreadable: ConfigSet['unreadablePolicies'];
  readonly #rootNamespace: string;
  /** Every endpoint asks for its workload's policy, for every proxy. */
  readonly #found = new WeakMap<Selectable, Policy & { readonly mode: MtlsMode }>();

  constructor(
    objects: readonly ConfigObject<PeerAuthenticationSpec>[],
    unreadable: ConfigSet['unreadablePolicies'],
    rootNamespace: string,
  ) {
    this.#rootNamespace = rootNamespace;
    this.#unreadable = unreadable.filter((policy) => policy.kind === 'PeerAuthentication');
    let mesh: MtlsMode | undefined;
    for (const { metadata, spec } of [...objects].sort(byAge)) {
      const selector = spec.selector?.matchLabels ?? {};
      const policy = readPolicy(spec);
      if (Object.keys(selector).length > 0) {
        const list = this.#workloads.get(metadata.namespace) ?? [];
        list.push({ ...policy, selector });
        this.#workloads.set(metadata.namespace, list);
      } else if (metadata.namespace === rootNamespace) {
        mesh ??= policy.mode;
      } else if (policy.mode !== undefined && !this.#namespaces.has(metadata.namespace)) {
        this.#namespaces.set(metadata.namespace, policy.mode);
      }
    }
    this.#mesh = mesh ?? 'permissive';
  }

  /** The mode for connections to an application port of a workload. */
  mode(workload: Selectable, port: number): MtlsMode {
    const found = this.#policy(workload);
    return found.ports.get(port) ?? found.mode;
  }

  /** The mode of the ports that have none of their own. */
  workloadMode(workload: Selectable): MtlsMode {
    return this.#policy(workload).mode;
  }

  /** Ports that have a mode of their own. */
  ports(workload: Selectable): number[] {
    return [...this.#policy(workload).ports].flatMap(([port, mode]) => (mode === undefined ? [] : [port]));
  }

  #policy(workload: Selectable): Policy & { readonly mode: MtlsMode } {
    let found = this.#found.get(workload);
    if (found === undefined) {
      found = this.#policyOf(workload);
      this.#found.set(workload, found);
    }
    return found;
  }

  #policyOf(workload: Selectable): Policy & { readonly mode: MtlsMode } {
    if (this.#failsClosed(workload)) return { mode: 'strict', ports: new Map() };
    const inherited = this.#namespaces.get(workload.namespace) ?? this.#mesh;
    const own = this.#workloads
      .get(workload.namespace)
      ?.find((policy) => selectorMatches(policy.selector, workload.labels));
    return { mode: own?.mode ?? inherited, ports: own?.ports ?? new Map() };
  }

  #failsClosed(workload: Selectable): boolean {
    return this.#unreadable.some(
      (policy) =>
        (policy.namespace === workload.namespace || policy.namespace === this.#rootNamespace) &&
        selectorMatches(policy.selector ?? {}, workload.labels),
    );
  }
}

const MODES: Readonly<Record<string, MtlsMode | undefined>> = {
  STRICT: 'strict',
  PERMISSIVE: 'permissive',
  DISABLE: 'disable',
};

function modeOf(name: string | undefined): MtlsMode | undefined {
  return name === undefined ? undefined : MODES[name];
}

function readPolicy(spec: PeerAuthenticationSpec): Policy {
  const ports = Object.entries(spec.portLevelMtls ?? {});
  return {
    mode: modeOf(spec.mtls?.mode),
    ports: new Map(ports.map(([port, mtls]) => [Number(port), modeOf(mtls?.mode)])),
  };
}

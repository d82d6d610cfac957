import type { PeerAuthenticationSpec } from '../api/kinds/peer-authentication.js';
import { selectorMatches } from '../api/labels.js';
import type { ConfigObject } from '../api/object.js';
import type { ConfigSet } from '../sources/source.js';
import { byAge } from './order.js';
import type { Workload } from './service.js';

type Selectable = Pick<Workload, 'namespace' | 'labels'>;

export type MtlsMode = 'strict' | 'permissive' | 'disable';

/** How wide what decides about a port is; `unreadable`: a policy that could not be read, so that nobody is let in without mTLS. */
export type MtlsLevel = 'default' | 'mesh' | 'namespace' | 'workload' | 'port' | 'unreadable';

/** A mode, and what says so. */
export interface MtlsDecision {
  readonly mode: MtlsMode;
  readonly level: MtlsLevel;
  /** `namespace/name` of the PeerAuthentication; empty for the default. */
  readonly policy: string;
}

interface Policy {
  /** `namespace/name`. */
  readonly name: string;
  readonly mode: MtlsMode | undefined;
  readonly ports: ReadonlyMap<number, MtlsMode | undefined>;
}

interface Selected extends Policy {
  readonly selector: Readonly<Record<string, string>>;
}

interface Found {
  readonly workload: MtlsDecision;
  readonly ports: ReadonlyMap<number, MtlsDecision>;
}

/** Who may connect without mTLS (PeerAuthentication): mesh → namespace → workload → port, the narrower one wins. */
export class PeerAuthentications {
  readonly #mesh: Policy | undefined;
  readonly #namespaces = new Map<string, Policy>();
  readonly #workloads = new Map<string, Selected[]>();
  readonly #unreadable: ConfigSet['unreadablePolicies'];
  readonly #rootNamespace: string;
  /** Every endpoint asks for its workload's policy, for every proxy. */
  readonly #found = new WeakMap<Selectable, Found>();

  constructor(
    objects: readonly ConfigObject<PeerAuthenticationSpec>[],
    unreadable: ConfigSet['unreadablePolicies'],
    rootNamespace: string,
  ) {
    this.#rootNamespace = rootNamespace;
    this.#unreadable = unreadable.filter((policy) => policy.kind === 'PeerAuthentication');
    let mesh: Policy | undefined;
    for (const { metadata, spec } of [...objects].sort(byAge)) {
      const selector = spec.selector?.matchLabels ?? {};
      const policy = readPolicy(`${metadata.namespace}/${metadata.name}`, spec);
      const inRoot = metadata.namespace === rootNamespace;
      if (Object.keys(selector).length > 0) {
        // The root namespace's are for the whole mesh, which a selector cannot narrow: as in Istio, such a one does nothing.
        if (inRoot) continue;
        const list = this.#workloads.get(metadata.namespace) ?? [];
        list.push({ ...policy, selector });
        this.#workloads.set(metadata.namespace, list);
      } else if (inRoot) {
        mesh ??= policy;
      } else if (!this.#namespaces.has(metadata.namespace)) {
        this.#namespaces.set(metadata.namespace, policy);
      }
    }
    this.#mesh = mesh;
  }

  /** The mode for connections to an application port of a workload. */
  mode(workload: Selectable, port: number): MtlsMode {
    return this.decision(workload, port).mode;
  }

  /** The same, with the policy that decides. */
  decision(workload: Selectable, port: number): MtlsDecision {
    const found = this.#of(workload);
    return found.ports.get(port) ?? found.workload;
  }

  /** The mode of the ports that have none of their own. */
  workloadMode(workload: Selectable): MtlsMode {
    return this.#of(workload).workload.mode;
  }

  /** Ports that have a mode of their own. */
  ports(workload: Selectable): number[] {
    return [...this.#of(workload).ports.keys()];
  }

  #of(workload: Selectable): Found {
    let found = this.#found.get(workload);
    if (found === undefined) {
      found = this.#decide(workload);
      this.#found.set(workload, found);
    }
    return found;
  }

  #decide(workload: Selectable): Found {
    const unreadable = this.#unreadableFor(workload);
    if (unreadable !== undefined) {
      const policy = `${unreadable.namespace}/${unreadable.name}`;
      return { workload: { mode: 'strict', level: 'unreadable', policy }, ports: new Map() };
    }
    const own = this.#workloads
      .get(workload.namespace)
      ?.find((policy) => selectorMatches(policy.selector, workload.labels));
    const decision =
      decided(own, 'workload') ??
      decided(this.#namespaces.get(workload.namespace), 'namespace') ??
      decided(this.#mesh, 'mesh') ??
      DEFAULT;
    const ports = [...(own?.ports ?? [])].flatMap(([port, mode]): [number, MtlsDecision][] =>
      own === undefined || mode === undefined ? [] : [[port, { mode, level: 'port', policy: own.name }]],
    );
    return { workload: decision, ports: new Map(ports) };
  }

  #unreadableFor(workload: Selectable): ConfigSet['unreadablePolicies'][number] | undefined {
    return this.#unreadable.find(
      (policy) =>
        (policy.namespace === workload.namespace || policy.namespace === this.#rootNamespace) &&
        selectorMatches(policy.selector ?? {}, workload.labels),
    );
  }
}

const DEFAULT: MtlsDecision = { mode: 'permissive', level: 'default', policy: '' };

const MODES: Readonly<Record<string, MtlsMode | undefined>> = {
  STRICT: 'strict',
  PERMISSIVE: 'permissive',
  DISABLE: 'disable',
};

/** Undefined for UNSET: a wider level says. */
function decided(policy: Policy | undefined, level: MtlsLevel): MtlsDecision | undefined {
  return policy?.mode === undefined ? undefined : { mode: policy.mode, level, policy: policy.name };
}

function modeOf(name: string | undefined): MtlsMode | undefined {
  return name === undefined ? undefined : MODES[name];
}

function readPolicy(name: string, spec: PeerAuthenticationSpec): Policy {
  const ports = Object.entries(spec.portLevelMtls ?? {});
  return {
    name,
    mode: modeOf(spec.mtls?.mode),
    ports: new Map(ports.map(([port, mtls]) => [Number(port), modeOf(mtls?.mode)])),
  };
}

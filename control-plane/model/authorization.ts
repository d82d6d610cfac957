import type { AuthorizationPolicySpec, AuthorizationRule } from '../api/kinds/authorization-policy.js';
import { selectorMatches } from '../api/labels.js';
import type { ConfigObject } from '../api/object.js';
import type { ConfigSet } from '../sources/source.js';
import { byAge } from './order.js';

export interface WorkloadPolicy {
  readonly namespace: string;
  readonly name: string;
  readonly action: 'ALLOW' | 'DENY';
  readonly rules: readonly AuthorizationRule[];
}

interface Selected extends WorkloadPolicy {
  readonly selector: Readonly<Record<string, string>>;
}

/** AuthorizationPolicies by workload: those of the root namespace, and those of its own, that select it. */
export class AuthorizationPolicies {
  readonly #byNamespace = new Map<string, Selected[]>();
  readonly #rootNamespace: string;

  /** A policy that could never be read denies everything that it selects. */
  constructor(
    objects: readonly ConfigObject<AuthorizationPolicySpec>[],
    unreadable: ConfigSet['unreadablePolicies'],
    rootNamespace: string,
  ) {
    this.#rootNamespace = rootNamespace;
    for (const policy of unreadable) {
      if (policy.kind === 'PeerAuthentication') continue;
      const { namespace, name } = policy;
      this.#add({ namespace, name, selector: policy.selector ?? {}, action: 'DENY', rules: [{}] });
    }
    for (const { metadata, spec } of [...objects].sort(byAge)) {
      // Policies for waypoints and gateways are none of a sidecar's; AUDIT changes nothing about traffic.
      if (spec.targetRef !== undefined || (spec.targetRefs ?? []).length > 0 || spec.action === 'AUDIT') continue;
      this.#add({
        namespace: metadata.namespace,
        name: metadata.name,
        selector: spec.selector?.matchLabels ?? {},
        action: spec.action ?? 'ALLOW',
        rules: spec.rules ?? [],
      });
    }
  }

  #add(policy: Selected): void {
    const list = this.#byNamespace.get(policy.namespace) ?? [];
    list.push(policy);
    this.#byNamespace.set(policy.namespace, list);
  }

  /** Mesh-wide ones first. */
  of(workload: { readonly namespace: string; readonly labels: Readonly<Record<string, string>> }): WorkloadPolicy[] {
    const root = this.#byNamespace.get(this.#rootNamespace) ?? [];
    const own = workload.namespace === this.#rootNamespace ? [] : (this.#byNamespace.get(workload.namespace) ?? []);
    return [...root, ...own].filter((policy) => selectorMatches(policy.selector, workload.labels));
  }
}

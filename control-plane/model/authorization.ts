import type { AuthorizationPolicySpec, AuthorizationRule } from '../api/kinds/authorization-policy.js';
import type { ConfigObject } from '../api/object.js';
import type { ConfigSet } from '../sources/source.js';
import { byAge } from './order.js';
import { attaches, type PolicyAttachment, policyAttachment } from './policy-attachment.js';

export interface WorkloadPolicy {
  readonly namespace: string;
  readonly name: string;
  readonly action: 'ALLOW' | 'DENY' | 'AUDIT' | 'CUSTOM';
  /** Of action CUSTOM: who is asked; empty for nobody, which denies. */
  readonly provider: string;
  /** Only tries out what it would do (annotation `istio.io/dry-run`). */
  readonly dryRun: boolean;
  readonly rules: readonly AuthorizationRule[];
}

interface Selected extends WorkloadPolicy {
  readonly attachment: PolicyAttachment;
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
      const attachment = { namespace, selector: policy.selector ?? {}, targets: [] };
      this.#add({ namespace, name, attachment, action: 'DENY', provider: '', dryRun: false, rules: [{}] });
    }
    for (const { metadata, spec } of [...objects].sort(byAge)) {
      this.#add({
        namespace: metadata.namespace,
        name: metadata.name,
        attachment: policyAttachment(metadata.namespace, spec),
        dryRun: isDryRun(metadata.annotations),
        action: spec.action ?? 'ALLOW',
        provider: spec.provider?.name ?? '',
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
    return [...root, ...own].filter(({ attachment }) => attaches(attachment, workload));
  }
}

/** As Go reads truth; anything else enforces. */
function isDryRun(annotations: Readonly<Record<string, string>>): boolean {
  return DRY_RUN_ON.test(annotations[DRY_RUN] ?? '');
}

export const DRY_RUN = 'istio.io/dry-run';
const DRY_RUN_ON = /^(?:1|t|T|TRUE|true|True)$/;

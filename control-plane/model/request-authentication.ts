import type { JwtRule, RequestAuthenticationSpec } from '../api/kinds/request-authentication.js';
import type { ConfigObject } from '../api/object.js';
import { byAge, compare } from './order.js';
import { attaches, type PolicyAttachment, policyAttachment } from './policy-attachment.js';

interface Selected {
  readonly attachment: PolicyAttachment;
  readonly rules: readonly JwtRule[];
}

/** Who issues the tokens that a workload takes (RequestAuthentication): all that select it count, those of the root namespace too. */
export class RequestAuthentications {
  readonly #byNamespace = new Map<string, Selected[]>();
  readonly #rootNamespace: string;

  constructor(objects: readonly ConfigObject<RequestAuthenticationSpec>[], rootNamespace: string) {
    this.#rootNamespace = rootNamespace;
    for (const { metadata, spec } of [...objects].sort(byAge)) {
      const { namespace } = metadata;
      const list = this.#byNamespace.get(namespace) ?? [];
      list.push({ attachment: policyAttachment(namespace, spec), rules: spec.jwtRules ?? [] });
      this.#byNamespace.set(namespace, list);
    }
  }

  /** In the order of their issuers, so that the same rules make the same configuration. */
  of(workload: { readonly namespace: string; readonly labels: Readonly<Record<string, string>> }): JwtRule[] {
    const { namespace } = workload;
    const namespaces = namespace === this.#rootNamespace ? [namespace] : [this.#rootNamespace, namespace];
    return namespaces
      .flatMap((name) => this.#byNamespace.get(name) ?? [])
      .filter(({ attachment }) => attaches(attachment, workload))
      .flatMap(({ rules }) => rules)
      .sort((a, b) => compare(a.issuer ?? '', b.issuer ?? ''));
  }
}

import type { ExplainedStep } from '../../common/observe/explanation.js';

/** What `/weft/authz/explain` of a sidecar answers for a port. */
export interface ServerDecision {
  readonly port: number;
  readonly secured: 'mTLS' | 'plaintext';
  readonly decision: 'allowed' | 'denied' | 'asked';
  readonly action: string;
  /** `ns[shop]-policy[no-admin]-rule[0]`, or empty. */
  readonly policy: string;
  readonly because: string;
  readonly notes: readonly string[];
}

/** What the server's sidecar does, in words. */
export function serverStep(proxy: string, decision: ServerDecision): ExplainedStep {
  const { port, secured, policy, because, notes } = decision;
  const verbs = { allowed: 'Let in', denied: 'Refused', asked: 'Somebody else is asked' };
  return {
    proxy,
    side: 'server',
    what: 'authorization',
    outcome: decision.decision === 'denied' ? 'refused' : decision.decision === 'asked' ? 'note' : 'ok',
    title: `${verbs[decision.decision]} at port ${port}, by ${secured}`,
    detail: [because, ...notes].map((text) => `${text}.`).join(' '),
    objects: policyOf(policy),
  };
}

function policyOf(policy: string): ExplainedStep['objects'] {
  const [, namespace = '', name = ''] = /^ns\[([^\]]*)\]-policy\[([^\]]*)\]/.exec(policy) ?? [];
  return name === '' ? [] : [{ kind: 'AuthorizationPolicy', namespace, name }];
}

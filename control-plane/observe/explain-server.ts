import type { ExplainedStep } from '../../common/observe/explanation.js';
import type { ExplainedDecision } from '../../common/observe/route-explanation.js';

/** What `/weft/authz/explain` of a sidecar answers for a port. */
export type ServerDecision = ExplainedDecision;

/** What the server's sidecar does, in words. */
export function serverStep(proxy: string, decision: ServerDecision): ExplainedStep {
  const { title, ...step } = decisionStep(decision);
  return { proxy, side: 'server', ...step, title: `${title} at port ${decision.port}, by ${decision.secured}` };
}

export function decisionStep(decision: ServerDecision): Omit<ExplainedStep, 'proxy' | 'side'> {
  const { policy, because, notes } = decision;
  const verbs = { allowed: 'Let in', denied: 'Refused', asked: 'Somebody else is asked' };
  return {
    what: 'authorization',
    outcome: decision.decision === 'denied' ? 'refused' : decision.decision === 'asked' ? 'note' : 'ok',
    title: verbs[decision.decision],
    detail: [because, ...notes].map((text) => `${text}.`).join(' '),
    objects: policyOf(policy),
  };
}

function policyOf(policy: string): ExplainedStep['objects'] {
  const [, namespace = '', name = ''] = /^ns\[([^\]]*)\]-policy\[([^\]]*)\]/.exec(policy) ?? [];
  return name === '' ? [] : [{ kind: 'AuthorizationPolicy', namespace, name }];
}

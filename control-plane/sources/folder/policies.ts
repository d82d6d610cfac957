import type { RejectedObject } from '../../api/parse-object.js';

const KIND = /["']?\bkind["']?\s*:\s*["']?(AuthorizationPolicy|PeerAuthentication|RequestAuthentication)\b/;
const NAMESPACE = /["']?\bnamespace["']?\s*:\s*["']?([a-z0-9][a-z0-9-]{0,62})/;
const NAME = /["']?\bname["']?\s*:\s*["']?([a-z0-9][a-z0-9.-]{0,252})/;

/**
 * The security policies that a text which is no YAML was meant to hold. Only kind, name and namespace are looked for, line
 * by line: a selector out of a broken text could be a wrong one, and no selector is the safe side.
 */
export function guessPolicies(text: string): RejectedObject[] {
  const policies: RejectedObject[] = [];
  for (const part of text.split(/^---.*$/m)) {
    const kind = KIND.exec(part)?.[1];
    if (kind === undefined) continue;
    const name = NAME.exec(part)?.[1] ?? '';
    policies.push({ kind, namespace: NAMESPACE.exec(part)?.[1] ?? 'default', name, selector: undefined });
  }
  return policies;
}

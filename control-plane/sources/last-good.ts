import type { Finding } from '../api/object.js';
import type { ConfigSet } from './source.js';

type PolicyKind = ConfigSet['unreadablePolicies'][number]['kind'];

const POLICY_KINDS: readonly string[] = ['AuthorizationPolicy', 'PeerAuthentication', 'RequestAuthentication'];

/** Kinds that fail closed. */
export function isPolicyKind(kind: string): kind is PolicyKind {
  return POLICY_KINDS.includes(kind);
}

export const KEPT = '; the last good version stays in force';
export const CLOSED = '; a policy that cannot be read fails closed: its workloads refuse what it might forbid';

/** Adds what becomes of a rejected object to its first error. */
export function withFate(findings: readonly Finding[], fate: string): Finding[] {
  const first = findings.findIndex(({ level }) => level === 'error');
  return findings.map((finding, i) => (i === first ? { ...finding, message: finding.message + fate } : finding));
}

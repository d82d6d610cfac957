import type { IconName } from '../icons.js';
import { bytesPerSecond, millis, percent, perSecond, plural } from '../model/format.js';
import type { Mark, ViewEdge } from '../model/view-edges.js';
import type { ViewNode } from '../model/view-graph.js';
import type { EdgeText, NodeText } from './overlay.js';

const MARK_TONES: Readonly<Record<Mark, 'alarm' | 'warning'>> = {
  'circuit-broken': 'alarm',
  ejected: 'alarm',
  fault: 'warning',
  denied: 'alarm',
  'rate-limited': 'warning',
};

export const MARK_NAMES: Readonly<Record<Mark, string>> = {
  'circuit-broken': 'a circuit breaker refuses requests',
  ejected: 'hosts are ejected for their answers',
  fault: 'faults are injected',
  denied: 'an authorization policy refuses requests',
  'rate-limited': 'requests are over a rate limit',
};

export function nodeTexts(node: ViewNode): Pick<NodeText, 'title' | 'subtitle' | 'alarm' | 'icon' | 'troubled'> {
  const { golden } = node;
  const rate = golden.requestsPerSecond > 0 ? perSecond(golden.requestsPerSecond) : tcpRate(node);
  const alarm = golden.errorShare > 0 && golden.requests > 0 ? ` · ${percent(golden.errorShare)} err` : '';
  return {
    title: node.title,
    subtitle: [node.subtitle, rate].filter((part) => part !== '').join(' · '),
    alarm,
    icon: node.kind,
    troubled: node.troubles.length > 0,
  };
}

function tcpRate({ golden }: ViewNode): string {
  return golden.connectionsOpen > 0 ? plural(golden.connectionsOpen, 'connection') : '';
}

export function edgeTexts(edge: ViewEdge): Pick<EdgeText, 'parts' | 'second' | 'icons'> {
  const { golden, share, protocol } = edge;
  const parts: { text: string; tone: 'strong' | 'plain' | 'alarm' }[] = [];
  if (share !== undefined) parts.push({ text: percent(share), tone: 'strong' });
  if (protocol === 'tcp') {
    parts.push({ text: bytesPerSecond(golden.receivedBytesPerSecond + golden.sentBytesPerSecond), tone: 'plain' });
  } else parts.push({ text: perSecond(golden.requestsPerSecond), tone: 'plain' });
  if (golden.requests > 0 && golden.errorShare > 0) {
    parts.push({ text: `${percent(golden.errorShare)} err`, tone: 'alarm' });
  }
  const times =
    golden.p50Ms === undefined || protocol === 'tcp' ? '' : `${millis(golden.p50Ms)} · p99 ${millis(golden.p99Ms)}`;
  return {
    parts,
    second: [protocol === 'http' ? '' : protocol.toUpperCase(), times].filter((part) => part !== '').join(' '),
    icons: [...lockOf(edge), ...edge.marks.map((name) => ({ name, tone: MARK_TONES[name] }))],
  };
}

function lockOf({ security }: ViewEdge): { name: IconName; tone: 'good' | 'warning' | 'muted' }[] {
  if (security === 'mtls') return [{ name: 'lock', tone: 'good' }];
  if (security === 'mixed') return [{ name: 'unlocked', tone: 'warning' }];
  return security === 'plaintext' ? [{ name: 'unlocked', tone: 'muted' }] : [];
}

/** The whole of it in one sentence, for a screen reader. */
export function spoken(node: ViewNode, edges: readonly ViewEdge[]): string {
  const { golden } = node;
  const calls = edges.filter(({ source }) => source === node.id).length;
  const callers = edges.filter(({ target }) => target === node.id).length;
  return [
    `${node.kind} ${node.title}`,
    node.namespace === '' ? '' : `namespace ${node.namespace}`,
    `${perSecond(golden.requestsPerSecond)}, ${percent(golden.errorShare)} errors`,
    `called by ${callers}, calls ${calls}`,
    ...node.troubles,
  ]
    .filter((part) => part !== '')
    .join('; ');
}

import { isError } from '../../../../common/observe/golden.js';
import type { EdgeSecurity, GraphEdge } from '../../../../common/observe/graph.js';
import { RESPONSE_FLAGS } from '../../../../common/observe/response-flags.js';
import { action, h } from '../dom.js';
import { MARK_NAMES } from '../graph/labels.js';
import { icon } from '../icons.js';
import { percent, perSecond } from '../model/format.js';
import type { ViewEdge } from '../model/view-edges.js';
import type { ViewGraph } from '../model/view-graph.js';
import { facts, pill, section, securityLine, table, tiles } from './parts.js';

export function edgeHead(edge: ViewEdge, view: ViewGraph, open: (id: string) => void): HTMLElement[] {
  const title = (id: string): string => view.nodes.find((node) => node.id === id)?.title ?? id;
  return [
    h('div', { class: `badge ${edge.health}` }, icon(edge.security === 'mtls' ? 'lock' : 'unlocked')),
    h(
      'div',
      {},
      h('p', { class: 'kind' }, `${edge.protocol.toUpperCase()} from – to`),
      h(
        'h2',
        {},
        action(title(edge.source), () => open(edge.source)),
        ' → ',
        action(title(edge.target), () => open(edge.target)),
      ),
    ),
  ];
}

export function edgeParts(edge: ViewEdge): { first: HTMLElement[]; last: HTMLElement[] } {
  return {
    first: [
      ...edge.marks.map((mark) => h('p', { class: 'trouble' }, icon(mark), ` ${MARK_NAMES[mark]}`)),
      tiles(edge.golden, edge.protocol),
      ...distinct(edge.members.map(({ security }) => security)).map(securityLine),
    ],
    last: [section('Answers', [answers(edge.members)]), section('Connections', [connections(edge)])],
  };
}

/** What is unknown is told only where nothing else is. */
function distinct(all: readonly EdgeSecurity[]): EdgeSecurity[] {
  const known = all.filter(({ kind }) => kind !== 'unknown');
  return [
    ...new Map(
      (known.length > 0 ? known : all).map((one) => [
        `${one.kind} ${one.sourceIdentity} ${one.destinationIdentity}`,
        one,
      ]),
    ).values(),
  ].slice(0, 4);
}

function answers(members: readonly GraphEdge[]): HTMLElement {
  const totals = new Map<
    string,
    {
      code: number;
      flags: string;
      grpc: number | undefined;
      failed: boolean;
      tcp: boolean;
      rate: number;
      count: number;
    }
  >();
  for (const { responses, protocol } of members) {
    for (const response of responses) {
      const { code, flags, grpcStatus, count, perSecond: rate } = response;
      const tcp = protocol === 'tcp';
      const key = `${tcp} ${code} ${flags} ${grpcStatus ?? ''}`;
      const known = totals.get(key);
      totals.set(key, {
        code,
        flags,
        grpc: grpcStatus,
        failed: isError({ ...response, origin: 'upstream' }, protocol),
        tcp,
        rate: (known?.rate ?? 0) + rate,
        count: (known?.count ?? 0) + count,
      });
    }
  }
  const rows = [...totals.values()].sort((a, b) => b.count - a.count);
  return table(
    ['status', 'flags', 'rate', ''],
    rows.map(({ code, flags, grpc, failed, tcp, rate, count }) => [
      pill(
        tcp ? 'connection' : grpc === undefined ? String(code || '–') : `gRPC ${grpc}`,
        failed ? 'failing' : code >= 400 ? 'degraded' : 'good',
      ),
      flags === '-'
        ? ''
        : h('span', {}, pill(flags, 'flag'), ` ${RESPONSE_FLAGS[flags.split(',')[0] ?? '']?.title ?? ''}`),
      perSecond(rate),
      `${count} ×`,
    ]),
    { empty: 'None in this time.' },
  );
}

function connections({ members, share }: ViewEdge): HTMLElement {
  const hosts = Math.max(0, ...members.map((edge) => edge.hosts));
  const ejected = Math.max(0, ...members.map((edge) => edge.ejected));
  const requests = members.reduce((sum, { golden }) => sum + golden.requests, 0);
  const ofAll = (of: (edge: GraphEdge) => number): number =>
    members.reduce((sum, edge) => sum + of(edge) * edge.golden.requests, 0) / Math.max(1, requests);
  const part = (label: string, value: number): readonly [string, string] | undefined =>
    value > 0 ? [label, `${percent(value)} of the requests`] : undefined;
  return facts([
    share === undefined ? undefined : ['share of its service', percent(share)],
    ejected > 0 ? ['hosts', `${hosts}, ${ejected} of them ejected`] : undefined,
    part(
      'over a circuit breaker',
      ofAll((edge) => edge.overflowed),
    ),
    part(
      'with an injected fault',
      ofAll((edge) => edge.faultInjected),
    ),
    part(
      'refused by policy',
      ofAll((edge) => edge.denied),
    ),
    part(
      'rate limited',
      ofAll((edge) => edge.rateLimited),
    ),
    [
      'counted by',
      members.every(({ reporter }) => reporter === 'source') ? 'the client’s sidecar' : 'the server’s sidecar',
    ],
  ]);
}

import { describe, expect, it } from 'vitest';
import { type ViewOptions, viewGraph } from '../../control-plane/dashboard/page/model/view-graph.js';
import { bookinfo } from './support/fixture.js';

const OPTIONS: ViewOptions = {
  detail: 'versions',
  grouping: 'none',
  hideIdle: true,
  namespaces: new Set(),
  search: '',
};
const SERVICE = 'service/details.default.svc.cluster.local';
const WORKLOAD = 'workload/default/details-v1';

/** The made-up mesh, where a third of what productpage sends to details finds no route. */
function withUnrouted() {
  const { graph } = bookinfo();
  const edges = graph.edges.flatMap((edge) => {
    if (edge.destination !== WORKLOAD) return [edge];
    const unrouted = { ...edge, id: `${edge.id}#`, destination: SERVICE, service: SERVICE, share: 1 / 3 };
    return [{ ...edge, service: SERVICE, share: 2 / 3 }, unrouted];
  });
  return { ...graph, edges };
}

describe('a service with one workload', () => {
  const { nodes, edges } = viewGraph(withUnrouted(), OPTIONS);

  it('is drawn as its workload, which stands for it', () => {
    expect(nodes.find(({ id }) => id === SERVICE)).toBeUndefined();
    expect(nodes.find(({ id }) => id === WORKLOAD)?.standsFor).toEqual([SERVICE]);
  });

  it('has one line a protocol for what reached the workload and what did not, without a share', () => {
    const lines = edges.filter(({ target }) => target === WORKLOAD);
    expect(lines.map(({ share, members }) => [share, members.length])).toEqual([
      [undefined, 2],
      [undefined, 2],
    ]);
  });
});

import { describe, expect, it } from 'vitest';
import { goldenOf } from '../../common/observe/golden.js';
import type { Graph, WorkloadNode } from '../../common/observe/graph.js';
import { statView } from './rows.js';

const NOTHING = goldenOf([], 60_000);

function workload(namespace: string, name: string, connections?: number): WorkloadNode {
  return {
    kind: 'workload',
    id: `workload/${namespace}/${name}`,
    name,
    namespace,
    app: name,
    version: '',
    services: [],
    meshed: true,
    gateway: false,
    instances: 1,
    connected: 1,
    observed: 1,
    proxyVersions: [],
    sync: 'synced',
    inbound: NOTHING,
    ...(connections !== undefined && { connections }),
  };
}

const graph: Graph = {
  time: 0,
  windowMs: 1000,
  oldest: 0,
  source: 'samples',
  nodes: [workload('a', 'web', 12), workload('a', 'old'), workload('b', 'older'), workload('a', 'idle', 0)],
  edges: [],
  splits: [],
  notes: [],
};

describe('the column of connections', () => {
  const column = (level: 'workload' | 'namespace', wide = false): [string, string][] => {
    const { head, rows } = statView(graph, { level }, undefined, wide);
    const at = head.indexOf('CONNECTIONS');
    return rows.map((row) => [row[0] ?? '', row[at] ?? '']);
  };

  it.each([false, true])('tells of workloads what their sidecars tell (wide: %s)', (wide) => {
    expect(column('workload', wide)).toEqual([
      ['web', '12'],
      ['old', '-'],
      ['older', '-'],
      ['idle', '0'],
    ]);
  });

  it('adds them up for a namespace, as data too', () => {
    expect(column('namespace')).toEqual([
      ['a', '12'],
      ['b', '-'],
    ]);
    expect(statView(graph, { level: 'namespace' }, undefined, false).data).toMatchObject([
      { namespace: 'a', connections: 12 },
      { namespace: 'b' },
    ]);
  });
});

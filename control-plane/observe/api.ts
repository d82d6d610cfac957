import type { Description } from '../../common/observe/describe.js';
import type { Failures } from '../../common/observe/failure.js';
import type { Graph } from '../../common/observe/graph.js';
import type { Series } from '../../common/observe/series.js';
import type { WorkloadDetails, Workloads } from '../../common/observe/workload.js';
import type { EdgeStats } from '../../common/runtime/edge-report.js';
import { type DebugAnswer, type DebugPage, json, plain } from '../debug/server.js';
import type { MeshSnapshot } from '../model/snapshot.js';
import { nameCallers } from './callers.js';
import { describeNode } from './describe.js';
import { workloadDetails } from './details.js';
import { explain } from './explain.js';
import { recentFailures } from './failures.js';
import { buildGraph, ofNamespace } from './graph.js';
import { BadQuery, isPresent, stepsOf, windowOf } from './query.js';
import { routeStats } from './routes.js';
import { buildSeries } from './series.js';
import { nameServices } from './service-names.js';
import { tapRequests } from './tap.js';
import { tunnelsAsTcp } from './tunnels.js';
import type { MeshView } from './view.js';
import { workloadStates } from './workloads.js';

/** The JSON API behind the page and the terminal. `view` is undefined while this control plane starts. */
export function observePages(view: () => MeshView | undefined): [path: string, page: DebugPage][] {
  const page = (answer: (view: MeshView, query: URLSearchParams, path: string) => Promise<object>): DebugPage =>
    guarded(async (query, path) => {
      const mesh = view();
      if (mesh === undefined) return plain('this control plane is starting', 503);
      mesh.watched();
      return json(await answer(mesh, query, path));
    });
  const live: DebugPage = guarded(async (query, _path, signal) => {
    const mesh = view();
    return mesh === undefined ? plain('this control plane is starting', 503) : tapRequests(mesh, query, signal);
  });
  return [
    ['/api/graph', page(graph)],
    ['/api/describe', page(describe)],
    ['/api/explain', page(explain)],
    ['/api/routes', page((view, query) => routeStats(view, query, (edges) => named(edges, view.snapshot())))],
    ['/api/tap', live],
    ['/api/series', page(series)],
    ['/api/failures', page(recentFailures satisfies (view: MeshView, query: URLSearchParams) => Promise<Failures>)],
    ['/api/workloads', page(workloads)],
    ['/api/workloads/', page(details)],
  ];
}

class NotFound extends Error {}

function guarded(page: DebugPage): DebugPage {
  return async (query, path, signal): Promise<DebugAnswer> => {
    try {
      return await page(query, path, signal);
    } catch (error) {
      if (error instanceof BadQuery) return plain(error.message, 400);
      if (error instanceof NotFound) return plain(error.message, 404);
      throw error;
    }
  };
}

async function graph(view: MeshView, query: URLSearchParams): Promise<Graph> {
  const { history } = view;
  const window = windowOf(query, history);
  const present = isPresent(window, history);
  const [told, proxies] = await Promise.all([history.sums(window), view.proxies()]);
  const notes = [...new Set([...told.notes, ...proxies.notes])];
  const whole = buildGraph({
    snapshot: view.snapshot(),
    proxies: proxies.value,
    history,
    window,
    present,
    told: { value: named(told.value, view.snapshot()), notes },
  });
  const namespace = query.get('namespace') ?? '';
  return namespace === '' ? whole : ofNamespace(whole, namespace);
}

/** Edges by the names that the graph has for them. */
function named(edges: readonly EdgeStats[], snapshot: MeshSnapshot | undefined): readonly EdgeStats[] {
  return tunnelsAsTcp(nameServices(nameCallers(edges, snapshot), snapshot), snapshot);
}

async function series(view: MeshView, query: URLSearchParams): Promise<Series> {
  const { history } = view;
  const of = query.get('edge') ?? query.get('node') ?? '';
  if (of === '') throw new BadQuery('say node=ID or edge=ID, as /api/graph has them');
  const direction = query.get('direction') ?? 'inbound';
  if (direction !== 'inbound' && direction !== 'outbound') throw new BadQuery('direction is inbound or outbound');
  const { window, stepMs } = stepsOf(windowOf(query, history), history);
  const { value, notes } = await history.steps(window, stepMs);
  const snapshot = view.snapshot();
  const steps = value.map((edges) => named(edges, snapshot));
  return buildSeries({ of, direction }, history, window, stepMs, { value: steps, notes });
}

async function workloads(view: MeshView, query: URLSearchParams): Promise<Workloads> {
  const { value, notes } = await view.proxies();
  const namespace = query.get('namespace') ?? '';
  const states = workloadStates(view.snapshot(), value);
  return { workloads: states.filter((state) => namespace === '' || state.namespace === namespace), notes };
}

async function describe(view: MeshView, query: URLSearchParams): Promise<Description> {
  const node = query.get('node') ?? '';
  const { value, notes } = await view.proxies();
  const [snapshot, configuration] = [view.snapshot(), view.configuration()];
  if (snapshot === undefined || configuration === undefined) throw new NotFound('there is no configuration yet');
  const states = workloadStates(snapshot, value);
  const description = describeNode({ snapshot, configuration, findings: view.findings(), states, notes }, node);
  if (description === undefined)
    throw new NotFound(`there is no ${JSON.stringify(node.slice(0, 300))}; /api/graph lists nodes`);
  return description;
}

async function details(view: MeshView, _query: URLSearchParams, path: string): Promise<WorkloadDetails> {
  const [namespace = '', name = ''] = path.slice('/api/workloads/'.length).split('/').map(decodeURIComponent);
  const { value, notes } = await view.proxies();
  const states = workloadStates(view.snapshot(), value);
  const state = states.find((known) => known.namespace === namespace && known.name === name);
  if (state === undefined) throw new NotFound(`there is no workload ${namespace}/${name}; /api/workloads lists them`);
  return workloadDetails(view, state, notes);
}

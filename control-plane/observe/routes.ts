import { goldenOf } from '../../common/observe/golden.js';
import type { RouteCounts, RouteStat, RouteStats } from '../../common/observe/routes.js';
import type { EdgeStats } from '../../common/runtime/edge-report.js';
import { messageOf } from '../../common/runtime/errors.js';
import { type Hop, joinHops } from './hops.js';
import { countOf } from './query.js';
import { askJson, type MeshView } from './view.js';

/** More sidecars than this are not asked at once. */
const MAX_PROXIES = 200;
const GRACE_MS = 5000;

/**
 * `GET /api/routes?seconds=N&namespace=…`: asks the sidecars to count by route from now on, and answers after so many seconds. `named`
 * gives edges the names that the graph has for them.
 */
export async function routeStats(
  view: MeshView,
  query: URLSearchParams,
  named: (edges: readonly EdgeStats[]) => readonly EdgeStats[],
): Promise<RouteStats> {
  const seconds = countOf(query, 'seconds', 10, 60);
  const namespace = query.get('namespace') ?? '';
  const { value, notes } = await view.proxies();
  const all = value.filter(({ observed }) => observed !== undefined);
  const asked = all.slice(0, MAX_PROXIES);
  const told = [...notes];
  if (all.length > asked.length) told.push(`only ${asked.length} of ${all.length} sidecars are asked`);
  const byRoute = new Map<string, EdgeStats[]>();
  const ask = async (key: string): Promise<void> => {
    try {
      const path = `/weft/routes?seconds=${seconds}`;
      const { routes } = await askJson<RouteCounts>(view, key, path, seconds * 1000 + GRACE_MS);
      for (const { route, edges } of routes) byRoute.set(route, [...(byRoute.get(route) ?? []), ...edges]);
    } catch (error) {
      told.push(`the sidecar of ${key} does not tell its routes: ${messageOf(error)}`);
    }
  };
  await Promise.all(asked.map(({ key }) => ask(key)));
  const windowMs = seconds * 1000;
  const stats = [...byRoute].flatMap(([route, edges]) => rowsOf(route, joinHops(named(edges)), windowMs));
  return {
    windowMs,
    routes: stats
      .filter(
        ({ source, destinations }) => namespace === '' || [source, ...destinations].some((id) => isIn(id, namespace)),
      )
      .sort((a, b) => b.golden.requestsPerSecond - a.golden.requestsPerSecond),
    notes: told,
  };
}

function rowsOf(route: string, hops: readonly Hop[], windowMs: number): RouteStat[] {
  const groups = new Map<string, Hop[]>();
  for (const hop of hops) {
    const key = `${hop.source}>${hop.service || hop.destination}>${hop.protocol}`;
    groups.set(key, [...(groups.get(key) ?? []), hop]);
  }
  return [...groups.values()].flatMap((group): RouteStat[] => {
    const [first] = group;
    if (first === undefined) return [];
    return [
      {
        route,
        source: first.source,
        service: first.service || first.destination,
        destinations: group.map(({ destination }) => destination),
        protocol: first.protocol,
        golden: goldenOf(
          group.flatMap(({ stats }) => stats),
          windowMs,
        ),
      },
    ];
  });
}

function isIn(id: string, namespace: string): boolean {
  return id.startsWith(`workload/${namespace}/`);
}

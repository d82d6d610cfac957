import type { RouteCounts } from '../../common/observe/routes.js';
import type { Answer } from '../admin/commands.js';
import { Edge, type EdgeIdentity } from '../telemetry/edge.js';
import { edgeNames } from '../telemetry/istio-metrics.js';
import type { RequestWatch } from './request-watch.js';

const MOST_AT_ONCE = 8;
const SECONDS = { usual: 10, most: 60 };
/** Clients choose hosts, so that their number is bounded; what is beyond is not told. */
const MAX_ROUTES = 1000;

/**
 * `GET /weft/routes?seconds=N`: what this workload sends by each route, counted from now on for so long, and told at the end. Nothing is
 * counted while nobody asks.
 */
export function routesAnswer(watch: RequestWatch, query: URLSearchParams): Answer {
  const refuse = (status: number, body: string): Answer => ({ status, type: 'text', body: `${body}\n` });
  const seconds = Number(query.get('seconds') ?? SECONDS.usual);
  if (!(seconds >= 1)) return refuse(400, 'seconds is a number of at least 1');
  if (watch.watchers >= MOST_AT_ONCE) return refuse(429, `${MOST_AT_ONCE} look at this proxy already`);
  return {
    status: 200,
    type: 'json',
    body: '',
    stream: (write, signal) => count(watch, Math.min(SECONDS.most, seconds), write, signal),
  };
}

function count(
  watch: RequestWatch,
  seconds: number,
  write: (text: string) => void,
  signal: AbortSignal,
): Promise<void> {
  const routes = new Map<string, Map<EdgeIdentity, Edge>>();
  let size = 0;
  const stop = watch.watch({
    offer(identity, info) {
      if (identity.reporter !== 'source' || identity.protocol === 'tcp') return;
      const route = info.routeName || info.routeLabel;
      const edges = routes.get(route) ?? new Map<EdgeIdentity, Edge>();
      let edge = edges.get(identity);
      if (edge === undefined) {
        if (size >= MAX_ROUTES) return;
        size++;
        edge = new Edge(identity);
        edges.set(identity, edge);
        routes.set(route, edges);
      }
      edge.recordRequest(info);
    },
  });
  return new Promise((resolve) => {
    const end = (): void => {
      clearTimeout(timer);
      stop();
      const counts: RouteCounts = {
        routes: [...routes].map(([route, edges]) => ({
          route,
          edges: [...edges.values()].map((edge) => edge.report(edgeNames)),
        })),
      };
      write(JSON.stringify(counts));
      resolve();
    };
    const timer = setTimeout(end, seconds * 1000);
    timer.unref();
    if (signal.aborted) end();
    else signal.addEventListener('abort', end, { once: true });
  });
}

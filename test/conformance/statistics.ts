import type { ConformanceCase } from './case-file.js';
import type { Normalizer } from './observation.js';
import type { Recorded } from './recordings.js';
import type { SidecarPair } from './sides.js';

/** What is compared of every cluster that a request went to. */
const OF_CLUSTERS = [
  'upstream_rq_total',
  'upstream_rq_completed',
  'upstream_rq_2xx',
  'upstream_rq_3xx',
  'upstream_rq_4xx',
  'upstream_rq_5xx',
  'upstream_rq_retry',
  'upstream_rq_timeout',
  'upstream_rq_per_try_timeout',
  'upstream_rq_pending_overflow',
];

/** What is compared of the connection managers of client and server together. */
const OF_LISTENERS = ['rq_total', 'rq_completed', 'rq_2xx', 'rq_3xx', 'rq_4xx', 'rq_5xx'].map(
  (name) => `http.downstream_${name}`,
);

/** Connection managers that no request of a case passes. */
const OWN = /^http\.(?:admin|async-client)\./;

/** The numbers of both sidecars by name, with the sums of their connection managers. */
export async function statisticsOf(pair: SidecarPair, normalizer: Normalizer): Promise<Map<string, number>> {
  const sums = new Map<string, number>();
  const add = (name: string, value: number): void => void sums.set(name, (sums.get(name) ?? 0) + value);
  for (const stats of await Promise.all([pair.stats('client'), pair.stats('server')])) {
    for (const [name, value] of stats) {
      add(normalizer.text(name), value);
      const [, counter] = /^http\..*\.(downstream_rq_[a-z0-9]+)$/.exec(name) ?? [];
      if (counter !== undefined && !OWN.test(name)) add(`http.${counter}`, value);
    }
  }
  return sums;
}

/** The statistics to compare: those that the case names, and unless chance decides, a set for all that was touched. */
export function wantedStatistics(one: ConformanceCase, exchanges: Recorded['exchanges']): readonly string[] {
  const wanted = new Set<string>();
  if (one.requests.every(({ repeat, raw, together }) => repeat === 1 && together === 1 && raw === undefined)) {
    for (const name of OF_LISTENERS) wanted.add(name);
    const clusters = new Set(exchanges.flatMap(({ log }) => (log ?? []).map(({ cluster }) => cluster ?? '-')));
    for (const cluster of clusters) {
      if (cluster !== '-') for (const name of OF_CLUSTERS) wanted.add(`cluster.${cluster}.${name}`);
    }
  }
  for (const [cluster, names] of Object.entries(one.stats)) {
    for (const name of names)
      wanted.add(cluster.startsWith('vhost.') ? `${cluster}.${name}` : `cluster.${cluster}.${name}`);
  }
  return [...wanted];
}

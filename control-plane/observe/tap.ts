import { messageOf } from '../../common/runtime/errors.js';
import { type DebugAnswer, plain } from '../debug/server.js';
import { PartQueue } from './part-queue.js';
import { BadQuery } from './query.js';
import type { MeshView } from './view.js';

/** More sidecars than this are not looked at by one tap. */
const MAX_PROXIES = 50;
const CONDITIONS = ['source', 'destination', 'method', 'path', 'status', 'reporter', 'rate', 'seconds'] as const;

/**
 * `GET /api/tap?node=ID&…`: live requests of the sidecars of a workload, of those behind a service, or of all, one JSON object a
 * line, as `/weft/tap` of a sidecar gives them, each with its `proxy`. What cannot be had is told as `{"note": …}`.
 */
export async function tapRequests(view: MeshView, query: URLSearchParams, signal: AbortSignal): Promise<DebugAnswer> {
  const { value: all, notes } = await view.proxies();
  const keys = all.flatMap(({ key, node, observed }) => (observed === undefined ? [] : [{ key, node }]));
  const nodes = nodesBehind(view, query.get('node') ?? '');
  const chosen = keys.filter(({ node }) => nodes === undefined || nodes.has(node)).map(({ key }) => key);
  if (chosen.length === 0) return plain('no sidecar that is meant is connected, or can be asked', 404);
  const asked = chosen.slice(0, MAX_PROXIES);
  const lines = new PartQueue();
  const say = (line: object): void => lines.push(200, Buffer.from(`${JSON.stringify(line)}\n`), false);
  for (const note of notes) say({ note });
  if (chosen.length > asked.length) say({ note: `only ${asked.length} of ${chosen.length} sidecars are looked at` });
  const path = `/weft/tap?${conditions(query)}`;
  const done = asked.map((key) =>
    tapOne(view, key, path, signal, say).catch((error: unknown) => say({ note: `${key}: ${messageOf(error)}` })),
  );
  void Promise.all(done).then(() => lines.push(200, Buffer.alloc(0), true));
  return { status: 200, type: 'application/x-ndjson', body: '', rest: lines };
}

function conditions(query: URLSearchParams): URLSearchParams {
  const passed = new URLSearchParams();
  for (const name of CONDITIONS) {
    const value = query.get(name);
    if (value === null) continue;
    if (value.length > 200) throw new BadQuery(`${name} is too long`);
    passed.set(name, value);
  }
  return passed;
}

/** Ids of workloads; undefined for all. */
function nodesBehind(view: MeshView, id: string): ReadonlySet<string> | undefined {
  if (id === '') return undefined;
  if (!id.startsWith('service/')) return new Set([id]);
  const snapshot = view.snapshot();
  const service = snapshot?.services.find(({ host }) => `service/${host}` === id);
  return new Set(service?.endpoints.map(({ workload }) => `workload/${workload.namespace}/${workload.workloadName}`));
}

async function tapOne(
  view: MeshView,
  key: string,
  path: string,
  signal: AbortSignal,
  say: (line: object) => void,
): Promise<void> {
  const { status, body } = await view.ask(key, path, signal);
  const [namespace = '', name = ''] = key.split('/');
  let rest = '';
  for await (const part of body) {
    const lines = (rest + part.toString('utf8')).split('\n');
    rest = lines.pop() ?? '';
    if (status !== 200) throw new Error(rest || lines.join(' '));
    for (const line of lines) say({ proxy: `${name}.${namespace}`, ...(JSON.parse(line) as object) });
  }
  if (status !== 200) throw new Error(rest || `answered ${status}`);
}

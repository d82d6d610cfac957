import type { Workloads } from '../../common/observe/workload.js';
import { messageOf } from '../../common/runtime/errors.js';
import type { Answering, MeshAccess } from '../mesh/access.js';
import { scrub } from './scrub.js';

/** One file of the archive. */
export interface Entry {
  readonly name: string;
  readonly text: string;
}

export interface CollectOptions {
  readonly namespace?: string;
  /** So many proxies at most, those in trouble first. */
  readonly proxies: number;
}

const CONTROL_PLANE: Readonly<Record<string, string>> = {
  'version.json': '/version',
  'ready.txt': '/ready',
  'proxies.json': '/debug/syncz',
  'findings.json': '/debug/findings',
  'workloads.json': '/debug/workloads',
  'services.json': '/debug/registryz',
  'metrics.txt': '/metrics',
};

const MESH: Readonly<Record<string, string>> = {
  'graph.json': '/api/graph?window=5m',
  'workloads.json': '/api/workloads',
  'failures.json': '/api/failures?limit=200',
  'objects.yaml': '/api/objects',
  'changes.json': '/api/changes',
  'state.json': '/api/state',
};

const PROXY: Readonly<Record<string, string>> = {
  'server_info.json': '/server_info',
  'config_dump.json': '/config_dump?include_eds',
  'clusters.json': '/clusters?format=json',
  'listeners.json': '/listeners?format=json',
  'certs.json': '/certs',
  'stats.txt': '/stats',
  'edges.json': '/weft/edges',
  'failures.json': '/weft/failures',
};

/** Everything that helps, scrubbed. What cannot be had is told in its file; one that does not answer does not stop the rest. */
export async function* collect(
  mesh: MeshAccess,
  { namespace, proxies }: CollectOptions,
  onStep: (what: string) => void,
): AsyncGenerator<Entry> {
  const replicas = await mesh.controlPlanes();
  for (const replica of replicas) {
    onStep(replica.name);
    yield* filesOf(replica, `control-plane/${fileName(replica.name)}`, CONTROL_PLANE);
  }
  const [first] = replicas;
  if (first === undefined) return;
  onStep('the mesh');
  yield* filesOf(first, 'mesh', MESH);
  const asked = (await worstFirst(first, namespace)).slice(0, proxies);
  for (const { namespace: place, name } of asked) {
    onStep(`the proxy of ${name}.${place}`);
    const folder = `proxies/${fileName(place)}/${fileName(name)}`;
    try {
      yield* filesOf(await mesh.proxy(`${place}/${name}`), folder, PROXY);
    } catch (error) {
      yield { name: `${folder}/error.txt`, text: scrub(`${messageOf(error)}\n`) };
    }
  }
  onStep('logs and events');
  yield* recordsOf(mesh, asked);
}

async function* recordsOf(mesh: MeshAccess, asked: readonly Workloads['workloads'][number][]): AsyncGenerator<Entry> {
  if (mesh.records === undefined) return;
  try {
    for await (const { name, text } of mesh.records(asked))
      yield { name: name.split('/').map(fileName).join('/'), text: scrub(text) };
  } catch (error) {
    yield { name: 'logs/error.txt', text: scrub(`${messageOf(error)}\n`) };
  }
}

async function* filesOf(
  who: Answering,
  folder: string,
  files: Readonly<Record<string, string>>,
): AsyncGenerator<Entry> {
  for (const [file, path] of Object.entries(files)) {
    const text = await who.get(path).catch((error: unknown) => `could not be had: ${messageOf(error)}\n`);
    yield { name: `${folder}/${file}`, text: scrub(text) };
  }
}

async function worstFirst(
  replica: Answering,
  namespace: string | undefined,
): Promise<Workloads['workloads'][number][]> {
  let all: Workloads['workloads'];
  try {
    ({ workloads: all } = JSON.parse(await replica.get('/api/workloads')) as Workloads);
  } catch {
    return [];
  }
  const trouble = ({ proxy }: Workloads['workloads'][number]): number =>
    proxy === undefined ? 0 : proxy.nacks.length * 10 + (Object.values(proxy.sync).includes('STALE') ? 1 : 0);
  return all
    .filter((one) => one.proxy !== undefined && (namespace === undefined || one.namespace === namespace))
    .sort((a, b) => trouble(b) - trouble(a));
}

/** Names come from the mesh: no way out of the folder in which the archive is unpacked. */
function fileName(text: string): string {
  const safe = text.replace(/[^A-Za-z0-9._-]/g, '_').replace(/^\.+/, '_');
  return safe === '' ? '_' : safe;
}

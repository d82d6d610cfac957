import { getText, streamText } from './http.js';
import { locateControlPlane } from './locate.js';
import { localState, type MeshOptions } from './options.js';
import { adminUrl, findWorkload } from './workloads.js';

/** Something of the mesh that answers GETs: a control plane's debug port, or a proxy's admin port. */
export interface Answering {
  /** `weft-control-plane-6d5f-x2x4`, `reviews-v1.default`. */
  readonly name: string;
  /** An answer other than 200 throws. */
  get(path: string): Promise<string>;
  /** The same for an answer that goes on: resolves at its end, or when the signal says so. */
  stream(path: string, onText: (text: string) => void, signal: AbortSignal): Promise<void>;
}

/** Something that is kept beside the mesh. */
export interface RecordFile {
  readonly name: string;
  readonly text: string;
}

/** A mesh that can be asked, on this machine or in a cluster. */
export interface MeshAccess {
  /** Every replica of the control plane that runs; at least one, or it throws what to do. */
  controlPlanes(): Promise<readonly Answering[]>;
  /** The proxy that a user means: a workload's or pod's name with or without namespace, or `deploy/NAME`. */
  proxy(wanted: string): Promise<Answering>;
  /** Logs of the control plane and of these proxies, and what else is written down about them: files for `weft bug-report`. */
  records?(proxies: readonly Readonly<Record<'namespace' | 'name', string>>[]): AsyncIterable<RecordFile>;
}

/** The mesh that the options name. Throws a UsageError where there is none to ask. */
export async function openMesh(options: MeshOptions): Promise<MeshAccess> {
  const state = localState(options);
  if (state !== undefined) return localMesh(state);
  const { openCluster } = await import('./cluster.js');
  const { clusterMesh } = await import('./cluster-mesh.js');
  return clusterMesh(await openCluster(options));
}

function localMesh(state: string): MeshAccess {
  const answering = (name: string, base: string): Answering => ({
    name,
    get: (path) => getText(`${base}${path}`),
    stream: (path, onText, signal) => streamText(`${base}${path}`, onText, signal),
  });
  return {
    async *records() {
      const { localRecords } = await import('../bug-report/local-records.js');
      yield* localRecords(state);
    },
    controlPlanes: () => Promise.resolve([answering('control plane', locateControlPlane(state).debugUrl)]),
    proxy: async (wanted) => {
      const workload = await findWorkload(state, wanted);
      return answering(`${workload.name}.${workload.namespace}`, adminUrl(workload));
    },
  };
}

/**
 * The answers of every replica, joined. A replica that does not answer is told by `onSilent`; when none does, its error is
 * thrown.
 */
export async function askAll<T>(
  mesh: MeshAccess,
  path: string,
  onSilent: (message: string) => void,
): Promise<readonly T[]> {
  const replicas = await mesh.controlPlanes();
  const answers = await Promise.allSettled(replicas.map(async (replica) => JSON.parse(await replica.get(path)) as T[]));
  const failures = answers.flatMap((answer) => (answer.status === 'rejected' ? [answer.reason as unknown] : []));
  if (failures.length === replicas.length) throw failures[0];
  answers.forEach((answer, index) => {
    if (answer.status !== 'rejected') return;
    const reason = answer.reason instanceof Error ? answer.reason.message : String(answer.reason);
    onSilent(`${replicas[index]?.name ?? ''} does not answer: ${reason}`);
  });
  return answers.flatMap((answer) => (answer.status === 'fulfilled' ? answer.value : []));
}

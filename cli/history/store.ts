import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { resolve } from 'node:path';
import type { MeshState } from '../../common/observe/mesh-state.js';
import { messageOf } from '../../common/runtime/errors.js';
import { writeAtomically } from '../../control-plane/ca/files.js';
import { interventionsPath } from '../../control-plane/history/folder-interventions.js';
import {
  decodeInterventions,
  encodeInterventions,
  INTERVENTIONS_FILE,
  INTERVENTIONS_NAME,
  type Interventions,
  MAX_BYTES,
  NO_INTERVENTIONS,
} from '../../control-plane/history/interventions.js';
import { ApiError, isConflict, isNotFound } from '../../control-plane/kubernetes/api.js';
import type { MeshAccess } from '../mesh/access.js';
import type { Cluster } from '../mesh/cluster.js';
import { localState, type MeshOptions } from '../mesh/options.js';

/** Makes the new interventions of those that are there; `by` is who asks, as far as that is known here. */
export type Change = (before: Interventions, by: string) => Omit<Interventions, 'id'>;

/**
 * Writes down what stands above the objects: in the state folder, or in a ConfigMap with the user's own rights, which is who may do this.
 * Returns the id by which the control plane shows that it has it.
 */
export async function changeInterventions(options: MeshOptions, change: Change): Promise<string> {
  const state = localState(options);
  if (state !== undefined) return changeFile(resolve(state), change);
  const { explained, openCluster } = await import('../mesh/cluster.js');
  const cluster = await openCluster(options);
  try {
    return await changeConfigMap(cluster, change);
  } catch (error) {
    const told = explained(error, cluster.title);
    if (!(error instanceof ApiError) || error.status !== 403) throw told;
    const { rootNamespace } = cluster;
    throw new Error(
      `${told.message}. Who may step in has the Role weft-operator of namespace ${rootNamespace}: kubectl create rolebinding NAME -n ${rootNamespace} --role weft-operator --user YOU`,
    );
  }
}

async function changeFile(state: string, change: Change): Promise<string> {
  const path = interventionsPath(state);
  const before = await readFile(path).then(decodeInterventions, (error: unknown) => {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return NO_INTERVENTIONS;
    throw error;
  });
  const next = { ...change(before, userInfo().username), id: randomUUID() };
  await writeAtomically(path, encodeInterventions(next), 0o600);
  return next.id;
}

interface Kept {
  readonly metadata?: {
    readonly resourceVersion?: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  readonly binaryData?: Readonly<Record<string, string>>;
}

const TRIES = 5;

interface WhoAmI {
  readonly status?: { readonly userInfo?: { readonly username?: string } };
}

/** The name under which the API server knows the user; that of the kubeconfig where it does not say. */
async function userOf({ api }: Cluster): Promise<string> {
  const body = { apiVersion: 'authentication.k8s.io/v1', kind: 'SelfSubjectReview' };
  const path = '/apis/authentication.k8s.io/v1/selfsubjectreviews';
  const review = await api.request<WhoAmI>({ method: 'POST', path, body }).catch(() => undefined);
  return review?.status?.userInfo?.username ?? api.config.getCurrentUser()?.name ?? 'somebody';
}

async function changeConfigMap(cluster: Cluster, change: Change): Promise<string> {
  const { api, rootNamespace } = cluster;
  const folder = `/api/v1/namespaces/${encodeURIComponent(rootNamespace)}/configmaps`;
  const by = await userOf(cluster);
  for (let attempt = 1; ; attempt++) {
    const kept = await api
      .request<Kept>({ method: 'GET', path: `${folder}/${INTERVENTIONS_NAME}` })
      .catch((error: unknown) => {
        if (isNotFound(error)) return undefined;
        throw error;
      });
    const text = kept?.binaryData?.[INTERVENTIONS_FILE];
    const before = text === undefined ? NO_INTERVENTIONS : decodeInterventions(Buffer.from(text, 'base64'));
    const next = { ...change(before, by), id: randomUUID() };
    const bytes = encodeInterventions(next);
    if (bytes.length > MAX_BYTES)
      throw new Error(
        `a version of ${bytes.length} bytes, compressed, does not fit into a ConfigMap: apply the objects of that time instead`,
      );
    const { resourceVersion, labels, annotations } = kept?.metadata ?? {};
    const body = {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: {
        name: INTERVENTIONS_NAME,
        namespace: rootNamespace,
        labels: { 'app.kubernetes.io/name': 'weft', 'app.kubernetes.io/part-of': 'weft', ...labels },
        ...(annotations !== undefined && { annotations }),
        ...(resourceVersion !== undefined && { resourceVersion }),
      },
      binaryData: { [INTERVENTIONS_FILE]: bytes.toString('base64') },
    };
    try {
      if (kept === undefined) await api.request({ method: 'POST', path: folder, body });
      else await api.request({ method: 'PUT', path: `${folder}/${INTERVENTIONS_NAME}`, body });
      return next.id;
    } catch (error) {
      // Somebody else was faster.
      if (!isConflict(error) || attempt === TRIES) throw error;
    }
  }
}

const POLL_MS = 100;
const PATIENCE_MS = 15_000;

/** Resolves with the state when every replica that answers has it in force. Rejects when that takes too long. */
export async function untilTaken(mesh: MeshAccess, id: string): Promise<MeshState> {
  const deadline = Date.now() + PATIENCE_MS;
  let problem = 'no control plane runs';
  while (Date.now() < deadline) {
    const replicas = await mesh.controlPlanes();
    const answers = await Promise.allSettled(
      replicas.map(async (replica) => JSON.parse(await replica.get('/api/state')) as MeshState),
    );
    const behind = answers.findIndex((answer) => answer.status === 'rejected' || answer.value.id !== id);
    const [first] = answers;
    if (behind < 0 && first?.status === 'fulfilled') return first.value;
    const answer = answers[behind];
    problem = `${replicas[behind]?.name ?? 'a control plane'} ${answer?.status === 'rejected' ? `does not answer: ${messageOf(answer.reason)}` : 'has not taken it yet'}`;
    await new Promise((done) => setTimeout(done, POLL_MS));
  }
  throw new Error(`it is written down, but ${problem}: see its log`);
}

import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { writeAtomically } from '../../control-plane/ca/files.js';
import type { CaReport } from '../../control-plane/ca/report.js';
import { requestPath } from '../../control-plane/ca/rotation-requests.js';
import { type MeshAccess, openMesh } from '../mesh/access.js';
import { localState, type MeshOptions } from '../mesh/options.js';
import { stepOf } from './describe.js';
import { readStatus } from './read-status.js';

export interface RotateRoot extends MeshOptions {
  readonly abort?: true;
  readonly wait: boolean;
  readonly timeout: number;
}

const POLL_MS = 500;
const ANSWER_MS = 30_000;

/** Asks the control plane to replace its root, or to go back, and follows it to the end. Throws an Error that says what is wrong. */
export async function rotateRoot(options: RotateRoot, say: (line: string) => void): Promise<void> {
  const mesh = await openMesh(options);
  const before = await readStatus(mesh, () => undefined);
  const id = randomUUID();
  await leave(options, JSON.stringify({ id, action: options.abort === true ? 'abort' : 'start' }));
  await answered(mesh, id, before);
  say(options.abort === true ? 'The rotation is called off.' : 'The rotation of the root has begun.');
  if (!options.wait) return;
  await follow(mesh, options.timeout, say);
}

/** Where only who may read the root's key can write: beside it. */
async function leave(options: MeshOptions, request: string): Promise<void> {
  const state = localState(options);
  if (state !== undefined) {
    await writeAtomically(requestPath(state), request, 0o600);
    return;
  }
  const { explained, openCluster } = await import('../mesh/cluster.js');
  const { REQUEST_ANNOTATION, ROOT_SECRET } = await import('../../control-plane/ca/cluster-authority.js');
  const cluster = await openCluster(options);
  await cluster.api
    .request({
      method: 'PATCH',
      path: `/api/v1/namespaces/${cluster.rootNamespace}/secrets/${ROOT_SECRET}`,
      body: { metadata: { annotations: { [REQUEST_ANNOTATION]: request } } },
    })
    .catch((error: unknown) => {
      throw explained(error, cluster.title);
    });
}

async function answered(mesh: MeshAccess, id: string, before: CaReport): Promise<void> {
  const deadline = Date.now() + ANSWER_MS;
  while (Date.now() < deadline) {
    const { lastRequest } = await readStatus(mesh, () => undefined);
    if (lastRequest?.id === id) {
      if (lastRequest.problem === '') return;
      throw new Error(hint(lastRequest.problem, before));
    }
    await sleep(POLL_MS);
  }
  throw new Error('the control plane has not answered the request: see its log; is there a leader?');
}

function hint(problem: string, { source }: CaReport): string {
  if (!problem.includes('not ours')) return problem;
  return `${problem}: it comes from ${source}; weft ca rotate-root --help says how you replace it`;
}

async function follow(mesh: MeshAccess, timeoutMs: number, say: (line: string) => void): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  let told = '';
  for (;;) {
    const { rotation, roots } = await readStatus(mesh, () => undefined);
    if (rotation === undefined) {
      say(`Done: the root is ${roots[0]?.sha256.slice(0, 16) ?? ''} alone.`);
      return;
    }
    const waiting = rotation.waitingFor.map(({ proxy, reason }) => `${proxy} ${reason}`);
    const line = `${stepOf(rotation)}${waiting.length === 0 ? '' : `; waits for ${waiting.slice(0, 3).join(', ')}${waiting.length > 3 ? ` and ${waiting.length - 3} more` : ''}`}`;
    if (line !== told) say(line);
    told = line;
    if (Date.now() > deadline) {
      throw new Error('the rotation is still under way, and goes on: weft ca status shows how far it is');
    }
    await sleep(POLL_MS);
  }
}

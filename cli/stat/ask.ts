import { messageOf } from '../../common/runtime/errors.js';
import type { Answering, MeshAccess } from '../mesh/access.js';

const SLOWEST_MS = 90_000;

/** Asks the control plane's API. Replicas know of each other, so the first that answers speaks for all. */
export async function askApi<T>(
  mesh: MeshAccess,
  path: string,
  query: Readonly<Record<string, string | undefined>>,
): Promise<T> {
  return JSON.parse(await firstAnswer(mesh, (replica) => replica.get(pathWith(path, query)))) as T;
}

/** The same for an answer that may take a minute. */
export async function askSlowly<T>(
  mesh: MeshAccess,
  path: string,
  query: Readonly<Record<string, string | undefined>>,
): Promise<T> {
  const text = await firstAnswer(mesh, async (replica) => {
    const parts: string[] = [];
    await replica.stream(pathWith(path, query), (part) => parts.push(part), AbortSignal.timeout(SLOWEST_MS));
    return parts.join('');
  });
  return JSON.parse(text) as T;
}

export async function firstAnswer<T>(mesh: MeshAccess, ask: (replica: Answering) => Promise<T>): Promise<T> {
  let failure: unknown = new Error('no control plane runs');
  for (const replica of await mesh.controlPlanes()) {
    try {
      return await ask(replica);
    } catch (error) {
      failure = error;
    }
  }
  throw failure;
}

export function pathWith(path: string, query: Readonly<Record<string, string | undefined>>): string {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) if (value !== undefined) search.set(name, value);
  return search.size === 0 ? path : `${path}?${search}`;
}

/** What an answer says is missing goes to standard error, so that it does not end up in data. */
export function tellNotes(notes: readonly string[]): void {
  for (const note of notes) process.stderr.write(`weft: ${note}\n`);
}

export function tellProblem(error: unknown): void {
  process.stderr.write(`weft: ${messageOf(error)}\n`);
}

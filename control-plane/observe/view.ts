import type { Finding } from '../api/object.js';
import type { MeshSnapshot } from '../model/snapshot.js';
import type { ConfigSet } from '../sources/source.js';
import type { ProxyFacts } from './facts.js';
import type { EdgeHistory, Told } from './history.js';

/** The answer of a sidecar to a question; the rest of it comes later. */
export interface ProxyAnswer {
  readonly status: number;
  readonly body: AsyncIterable<Buffer>;
}

/** What the JSON API answers from: all that the replicas of this control plane know together. */
export interface MeshView {
  snapshot(): MeshSnapshot | undefined;
  configuration(): ConfigSet | undefined;
  findings(): readonly Finding[];
  readonly history: EdgeHistory;
  proxies(): Promise<Told<readonly ProxyFacts[]>>;
  /** Asks the sidecar of `namespace/pod` for a page of its admin port. Rejects when nobody has it connected. */
  ask(key: string, path: string, signal: AbortSignal): Promise<ProxyAnswer>;
  /** Somebody looks at the mesh now. */
  watched(): void;
}

/** All of an answer. Rejects unless it is 200. */
export async function askJson<T>(view: MeshView, key: string, path: string, timeoutMs: number): Promise<T> {
  const { status, body } = await view.ask(key, path, AbortSignal.timeout(timeoutMs));
  const parts: Buffer[] = [];
  for await (const part of body) parts.push(part);
  const text = Buffer.concat(parts).toString('utf8');
  if (status !== 200) throw new Error(`${key} answered ${status} to ${path}: ${text.trim().slice(0, 200)}`);
  return JSON.parse(text) as T;
}

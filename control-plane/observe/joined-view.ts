import type { EdgeStats } from '../../common/runtime/edge-report.js';
import { messageOf } from '../../common/runtime/errors.js';
import type { Finding } from '../api/object.js';
import type { MeshSnapshot } from '../model/snapshot.js';
import type { ConfigSet } from '../sources/source.js';
import type { ProxyFacts } from './facts.js';
import type { EdgeHistory, Told, Window } from './history.js';
import type { LocalView } from './local-view.js';
import type { MeshView, ProxyAnswer } from './view.js';

/** The other replicas of this control plane. */
export interface Peers {
  /** `host:port` of each that serves at the moment. */
  targets(): readonly string[];
  ask(target: string, path: string, signal: AbortSignal): Promise<ProxyAnswer>;
}

const ASK_MS = 3000;

/** What all replicas know together: each has the samples of the proxies that are connected to it. One that does not answer is told. */
export class JoinedView implements MeshView {
  readonly history: EdgeHistory;

  constructor(
    private readonly local: LocalView,
    private readonly peers: Peers,
    history?: EdgeHistory,
  ) {
    const own = local.history;
    // A Prometheus knows of all proxies by itself.
    this.history = history ?? {
      source: own.source,
      oldest: () => own.oldest(),
      latest: () => own.latest(),
      stepOf: (window) => own.stepOf(window),
      sums: (window) => this.sums(window),
      steps: (window, stepMs) => this.steps(window, stepMs),
    };
  }

  snapshot(): MeshSnapshot | undefined {
    return this.local.snapshot();
  }

  configuration(): ConfigSet | undefined {
    return this.local.configuration();
  }

  findings(): readonly Finding[] {
    return this.local.findings();
  }

  watched(): void {
    this.local.watched();
  }

  async proxies(): Promise<Told<readonly ProxyFacts[]>> {
    const own = await this.local.proxies();
    const others = await this.askAll<Told<readonly ProxyFacts[]>>('/proxies');
    return {
      value: [...own.value, ...others.value.flatMap(({ value }) => value)],
      notes: [...own.notes, ...others.notes, ...others.value.flatMap(({ notes }) => notes)],
    };
  }

  async ask(key: string, path: string, signal: AbortSignal): Promise<ProxyAnswer> {
    if (this.local.has(key)) return this.local.ask(key, path, signal);
    const question = `/proxy?${new URLSearchParams({ key, path })}`;
    let failure: unknown = new Error(`the proxy of ${key} is not connected, or cannot be asked`);
    for (const target of this.peers.targets()) {
      try {
        return await this.peers.ask(target, question, signal);
      } catch (error) {
        failure = error;
      }
    }
    throw failure;
  }

  private async sums(window: Window): Promise<Told<readonly EdgeStats[]>> {
    const own = await this.local.history.sums(window);
    const others = await this.askAll<Told<readonly EdgeStats[]>>(`/sums?from=${window.from}&to=${window.to}`);
    return {
      value: [...own.value, ...others.value.flatMap(({ value }) => value)],
      notes: [...own.notes, ...others.notes, ...others.value.flatMap(({ notes }) => notes)],
    };
  }

  private async steps(window: Window, stepMs: number): Promise<Told<readonly (readonly EdgeStats[])[]>> {
    const own = await this.local.history.steps(window, stepMs);
    const path = `/steps?from=${window.from}&to=${window.to}&step=${stepMs}`;
    const others = await this.askAll<Told<readonly (readonly EdgeStats[])[]>>(path);
    return {
      value: own.value.map((edges, index) => [...edges, ...others.value.flatMap(({ value }) => value[index] ?? [])]),
      notes: [...own.notes, ...others.notes, ...others.value.flatMap(({ notes }) => notes)],
    };
  }

  private async askAll<T>(path: string): Promise<Told<readonly T[]>> {
    const value: T[] = [];
    const notes: string[] = [];
    await Promise.all(
      this.peers.targets().map(async (target) => {
        try {
          const { body } = await this.peers.ask(target, path, AbortSignal.timeout(ASK_MS));
          const parts: Buffer[] = [];
          for await (const part of body) parts.push(part);
          value.push(JSON.parse(Buffer.concat(parts).toString('utf8')) as T);
        } catch (error) {
          notes.push(`the replica at ${target} does not tell what it knows: ${messageOf(error)}`);
        }
      }),
    );
    return { value, notes };
  }
}

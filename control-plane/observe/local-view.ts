import type { Finding } from '../api/object.js';
import type { Mesh } from '../mesh.js';
import type { MeshSnapshot } from '../model/snapshot.js';
import type { ConfigSet } from '../sources/source.js';
import type { AdsServer } from '../xds/server.js';
import { type ProxyFacts, proxyFacts } from './facts.js';
import type { EdgeHistory, Told } from './history.js';
import type { ObservationServer } from './observation-server.js';
import { PartQueue } from './part-queue.js';
import type { MeshView, ProxyAnswer } from './view.js';

/** What this replica knows: the proxies that are connected to it. */
export class LocalView implements MeshView {
  constructor(
    readonly history: EdgeHistory,
    private readonly parts: {
      readonly mesh: Pick<Mesh, 'snapshot' | 'configuration' | 'findings'>;
      readonly ads: Pick<AdsServer, 'proxies'>;
      readonly observation: ObservationServer;
    },
  ) {}

  snapshot(): MeshSnapshot | undefined {
    return this.parts.mesh.snapshot;
  }

  configuration(): ConfigSet | undefined {
    return this.parts.mesh.configuration;
  }

  findings(): readonly Finding[] {
    return this.parts.mesh.findings;
  }

  facts(): ProxyFacts[] {
    const { ads, observation } = this.parts;
    return proxyFacts(ads.proxies(), (key) => observation.proxy(key)?.state, this.snapshot());
  }

  proxies(): Promise<Told<readonly ProxyFacts[]>> {
    return Promise.resolve({ value: this.facts(), notes: [] });
  }

  /** Whether a proxy is connected here, and can be asked. */
  has(key: string): boolean {
    return this.parts.observation.proxy(key) !== undefined;
  }

  async ask(key: string, path: string, signal: AbortSignal): Promise<ProxyAnswer> {
    const stream = this.parts.observation.proxy(key);
    if (stream === undefined) throw new Error(`the proxy of ${key} is not connected, or cannot be asked`);
    signal.throwIfAborted();
    const queue = new PartQueue();
    const stop = stream.ask(path, {
      part: (status, data, last) => queue.push(status, data, last),
      failed: (error) => queue.fail(error),
    });
    signal.addEventListener(
      'abort',
      () => {
        stop();
        queue.fail(new Error(`the proxy of ${key} did not answer in time`));
      },
      { once: true },
    );
    return { status: await queue.status, body: queue };
  }

  watched(): void {
    this.parts.observation.watched();
  }
}

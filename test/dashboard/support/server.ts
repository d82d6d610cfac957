import type { MeshState } from '../../../common/observe/mesh-state.js';
import { createLogger } from '../../../common/runtime/log.js';
import { Dashboard } from '../../../control-plane/dashboard/site.js';
import { type DebugAnswer, type DebugPage, DebugServer, json, plain } from '../../../control-plane/debug/server.js';
import { CHANGES, DESCRIPTION, details, EXPLANATION, failures, OBJECT, series } from './answers.js';
import type { Fixture } from './fixture.js';

/** The page as the control plane serves it, above an API whose answers are made up. */
export class FixtureServer {
  fixture: Fixture;
  state: MeshState = { id: '', version: 'f00d', bypasses: [] };
  private readonly server: DebugServer;
  url = '';

  constructor(fixture: Fixture) {
    this.fixture = fixture;
    const pages = new Map<string, DebugPage>([
      ['/api/graph', (query) => json(this.graphAt(query))],
      ['/api/series', (query) => json(this.series(query))],
      ['/api/failures', () => json(failures())],
      ['/api/workloads', () => json(this.fixture.workloads)],
      ['/api/describe', () => json(DESCRIPTION)],
      ['/api/object', () => json(OBJECT)],
      ['/api/state', () => json(this.state)],
      ['/api/changes', () => json(CHANGES)],
      ['/api/explain', () => json(EXPLANATION)],
    ]);
    pages.set('/api/workloads/', (_query, path) => this.workload(path));
    this.server = new DebugServer(pages, createLogger('test', 'silent'), new Set(), undefined, new Dashboard());
  }

  async start(): Promise<void> {
    this.url = `http://127.0.0.1:${await this.server.listen('127.0.0.1', 0)}`;
  }

  stop(): Promise<void> {
    return this.server.close();
  }

  private graphAt(query: URLSearchParams): object {
    const at = query.get('at');
    return at === null ? this.fixture.graph : { ...this.fixture.graph, time: Number(at) };
  }

  private series(query: URLSearchParams): object {
    const { nodes, edges } = this.fixture.graph;
    const id = query.get('node') ?? query.get('edge') ?? '';
    const node = nodes.find((one) => one.id === id);
    const golden =
      edges.find((one) => one.id === id)?.golden ??
      (node !== undefined && 'inbound' in node ? node.inbound : undefined);
    return series(
      id,
      golden?.requestsPerSecond ?? 0,
      golden?.errorShare ?? 0,
      Number.parseInt(query.get('window') ?? '600', 10) * 1000,
    );
  }

  private workload(path: string): DebugAnswer {
    const [namespace = '', name = ''] = path.split('/').slice(3).map(decodeURIComponent);
    const found = details(this.fixture.workloads, namespace, name);
    return found === undefined ? plain('no such workload', 404) : json(found);
  }
}

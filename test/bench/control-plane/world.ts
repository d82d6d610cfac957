import type { Context } from '../scenario.js';
import { ApiServer } from './api-server.js';
import { FleetProcess, makeRoom, type RunningControlPlane, rootsOf, startControlPlane } from './control-plane.js';
import { type FleetReport, nowMs } from './fleet-messages.js';
import { BenchMesh } from './mesh.js';
import { type MeshSize, type PodPlace, podAddress, podName, serviceName } from './objects.js';
import type { SidecarNode } from './sidecar.js';

const LOOK_MS = 50;
/** After the last acknowledgement nothing has come for so long: everybody has heard. */
const QUIET_MS = 700;
const PATIENCE_MS = 120_000;

/** What one change came to. */
export interface Spread {
  /** ms from the change to each sidecar's last acknowledgement. */
  readonly times: readonly number[];
  readonly heard: FleetReport['heard'];
  readonly bytes: number;
  readonly cpuMs: number;
}

/** A mesh, its API server, its sidecars and the control plane between them. */
export class World {
  #peakMb = 0;

  private constructor(
    readonly mesh: BenchMesh,
    readonly fleet: FleetProcess,
    private readonly context: Context,
    private readonly api: ApiServer,
    private readonly url: string,
    private running: RunningControlPlane,
  ) {}

  static async start(context: Context, size: MeshSize, narrow: readonly string[] = []): Promise<World> {
    context.defer(makeRoom());
    const api = new ApiServer();
    const url = await api.start();
    context.defer(() => api.stop());
    const mesh = new BenchMesh(api, size, narrow);
    const running = await startControlPlane(url, context);
    const world = new World(mesh, new FleetProcess(), context, api, url, running);
    context.defer(() => world.end());
    return world;
  }

  /** Its processes; what has ended stays ended. */
  async end(): Promise<void> {
    this.fleet.end();
    await this.running.end('SIGKILL');
  }

  get controlPlane(): RunningControlPlane {
    return this.running;
  }

  /** The largest resident size that was seen. */
  get peakMb(): number {
    return this.#peakMb;
  }

  get ca(): string {
    return rootsOf(this.api);
  }

  get address(): string {
    return `127.0.0.1:${this.running.xdsPort}`;
  }

  nodes(): SidecarNode[] {
    return this.mesh.pods.map((place) => this.nodeOf(place));
  }

  nodeOf(place: PodPlace): SidecarNode {
    const account = serviceName(place.service);
    const namespace = this.mesh.namespaceOf(place.service);
    const labels = { app: account, version: 'v1' };
    return { namespace, pod: podName(place), account, address: podAddress(place), labels };
  }

  /** Resolves with the ms until all of these sidecars have everything. */
  async connect(nodes: readonly SidecarNode[]): Promise<number> {
    const start = nowMs();
    this.fleet.send({ kind: 'connect', nodes, address: this.address, ca: this.ca });
    for (;;) {
      await pause(LOOK_MS);
      const report = await this.look();
      if (report.connected >= nodes.length && report.served >= report.connected) return report.servedAt - start;
      if (nowMs() - start < PATIENCE_MS) continue;
      throw new Error(`${report.served} of ${nodes.length} sidecars are served; last loss: ${report.lastLoss}`);
    }
  }

  /** Ends the control plane at once, as when its node is lost, and starts another in its place. */
  async replaceControlPlane(): Promise<void> {
    const { xdsPort } = this.running;
    await this.running.end('SIGKILL');
    this.#peakMb = 0;
    this.running = await startControlPlane(this.url, this.context, xdsPort);
  }

  async change(make: () => void): Promise<Spread> {
    this.fleet.send({ kind: 'arm' });
    await pause(LOOK_MS);
    const before = this.running.cpuMs();
    const at = nowMs();
    make();
    for (;;) {
      await pause(LOOK_MS);
      const { heardAt } = await this.look();
      if (nowMs() - Math.max(at, heardAt) < QUIET_MS) continue;
      const { heard, bytes } = await this.fleet.report(true);
      const times = heard.map((one) => one.at - at);
      return { times, heard, bytes, cpuMs: this.running.cpuMs() - before };
    }
  }

  async look(): Promise<FleetReport> {
    this.#peakMb = Math.max(this.#peakMb, this.running.residentMb());
    return this.fleet.report();
  }
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

export function quantile(values: readonly number[], part: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(sorted.length * part) - 1)] ?? 0;
}

import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import type { ProxySync } from '../../cli/commands/proxy-status.js';
import { getJson, getText } from '../../cli/mesh/http.js';
import { locateControlPlane } from '../../cli/mesh/locate.js';
import { findWorkload, type WorkloadListing } from '../../cli/mesh/workloads.js';
import type { Finding } from '../../control-plane/api/object.js';
import type { ControlPlaneState } from '../../control-plane/state-file.js';
import { weft } from './demo-process.js';
import { killed } from './processes.js';

/** A control plane on a folder of its own, with sidecars and applications as a test wants them. Ends with `dispose`. */
export class TestMesh {
  readonly folder = mkdtempSync(join(tmpdir(), 'weft-mesh-'));
  readonly log: string[] = [];
  private readonly children: ChildProcess[] = [];
  private readonly names = new Map<ChildProcess, string>();

  get config(): string {
    return join(this.folder, 'config');
  }

  get state(): string {
    return join(this.folder, 'state');
  }

  /** Writes the files and starts the control plane; resolves when it is ready. */
  async start(files: Readonly<Record<string, string>>, args: readonly string[] = []): Promise<ControlPlaneState> {
    mkdirSync(this.config);
    for (const [name, text] of Object.entries(files)) this.write(name, text);
    this.startControlPlane(args);
    return this.until('the control plane', async () => {
      const file = locateControlPlane(this.state);
      await getText(`${file.debugUrl}/ready`);
      return file;
    });
  }

  /** Starts a control plane, again if there was one; does not wait. */
  startControlPlane(args: readonly string[] = []): ChildProcess {
    const folders = ['--config', this.config, '--state', this.state];
    return this.spawn('control-plane', process.execPath, [weft, 'control-plane', ...folders, ...args]);
  }

  write(name: string, text: string): void {
    const path = join(this.config, name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
  }

  workload(name: string): Promise<WorkloadListing> {
    return findWorkload(this.state, name);
  }

  /** Starts our sidecar as a workload; resolves when it is ready. */
  async startSidecar(name: string): Promise<WorkloadListing> {
    const workload = await this.workload(name);
    const { debugUrl } = locateControlPlane(this.state);
    const file = join(this.folder, `${name}.json`);
    writeFileSync(file, await getText(`${debugUrl}/debug/bootstrap?workload=${workload.namespace}/${workload.name}`), {
      mode: 0o600,
    });
    this.restartSidecar(name);
    await this.until(`the sidecar of ${name}`, () =>
      getText(`http://${workload.address}:${workload.sidecar?.admin}/ready`),
    );
    return workload;
  }

  /** Starts a workload's sidecar once more, from the bootstrap that it had; does not wait. */
  restartSidecar(name: string): ChildProcess {
    return this.spawn(`sidecar ${name}`, process.execPath, [weft, 'proxy', '-c', join(this.folder, `${name}.json`)]);
  }

  /** Which configuration the proxies have. */
  proxies(): Promise<ProxySync[]> {
    return getJson<ProxySync[]>(`${locateControlPlane(this.state).debugUrl}/debug/syncz`);
  }

  controlPlane(): ControlPlaneState {
    return locateControlPlane(this.state);
  }

  /** What the control plane says about the configuration. */
  findings(): Promise<Finding[]> {
    return getJson<Finding[]>(`${locateControlPlane(this.state).debugUrl}/debug/findings`);
  }

  spawn(
    name: string,
    program: string,
    args: readonly string[],
    env: Readonly<Record<string, string>> = {},
  ): ChildProcess {
    const child = spawn(program, [...args], { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, ...env } });
    for (const stream of [child.stdout, child.stderr]) {
      if (stream !== null) createInterface({ input: stream }).on('line', (line) => this.log.push(`${name}: ${line}`));
    }
    this.children.push(child);
    this.names.set(child, name);
    return child;
  }

  /** The running process of a name, the newest when it was started again. */
  process(name: string): ChildProcess {
    const found = this.children.findLast((child) => this.names.get(child) === name);
    if (found === undefined) throw new Error(`no process ${name}`);
    return found;
  }

  /** Ids of the running processes with such names. */
  pids(name: RegExp): number[] {
    return this.children.flatMap((child) =>
      name.test(this.names.get(child) ?? '') && child.exitCode === null && child.pid !== undefined ? [child.pid] : [],
    );
  }

  /** Tries until it does not throw. */
  async until<T>(what: string, attempt: () => Promise<T>, timeoutMs = 30_000, everyMs = 50): Promise<T> {
    const deadline = Date.now() + timeoutMs;
    for (;;) {
      try {
        return await attempt();
      } catch (error) {
        if (Date.now() > deadline) throw new Error(`${what}: ${String(error)}\n${this.log.slice(-40).join('\n')}`);
        await new Promise((resolve) => setTimeout(resolve, everyMs));
      }
    }
  }

  async dispose(): Promise<void> {
    await killed(this.children);
    rmSync(this.folder, { recursive: true, force: true });
  }
}

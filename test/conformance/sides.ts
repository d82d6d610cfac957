import type { ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { getText } from '../../cli/mesh/http.js';
import type { WorkloadListing } from '../../cli/mesh/workloads.js';
import { weft } from '../support/demo-process.js';
import type { TestMesh } from '../support/mesh.js';

/** Host of the requests that only ask which configuration is in force; they are in no log of a case. */
export const MARKER = 'marker.test';

/** Who runs on each side. */
type Role = 'client' | 'server' | 'gateway';
const ROLES: readonly Role[] = ['client', 'server', 'gateway'];

/** Which data plane stands in the sidecar's place. */
export type Side = 'envoy' | 'weft';

/** A client's and a server's sidecar, and a gateway, of one kind, under the suite's control plane. */
export class SidecarPair {
  private readonly listings = new Map<Role, WorkloadListing>();
  private logRead = 0;

  constructor(
    readonly side: Side,
    private readonly mesh: TestMesh,
  ) {}

  /** Resolves when both are ready. */
  async start(envoy: string): Promise<void> {
    for (const role of ROLES) {
      const name = `${role}-${this.side}`;
      if (this.side === 'weft') this.listings.set(role, await this.mesh.startSidecar(name));
      else this.listings.set(role, await this.startEnvoy(name, envoy));
    }
  }

  get outbound(): number {
    return this.listing('client').sidecar?.outbound ?? 0;
  }

  get inbound(): number {
    return Object.values(this.listing('server').sidecar?.inbound ?? {})[0] ?? 0;
  }

  /** The numbers of the client's statistics, by name. */
  async stats(role: Role = 'client'): Promise<Map<string, number>> {
    const text = await getText(`${this.admin(role)}/stats`);
    return new Map(
      text
        .split('\n')
        .map((line) => line.split(': '))
        .filter((parts) => parts.length === 2 && /^\d+$/.test(parts[1] ?? ''))
        .map(([name = '', value]) => [name, Number(value)]),
    );
  }

  /** Access log lines that came since the last call, as soon as there are so many; fewer after two seconds. */
  async log(count: number): Promise<Record<string, string>[]> {
    const lines: Record<string, string>[] = [];
    for (const deadline = Date.now() + 2000; ; await delay(10)) {
      // Ours writes once a second unless the file is opened anew.
      if (this.side === 'weft' && count > 0) {
        for (const role of ROLES) {
          await fetch(`${this.admin(role)}/reopen_logs`, { method: 'POST' });
        }
      }
      lines.push(...this.newLines());
      if (lines.length >= count || Date.now() > deadline) return lines;
    }
  }

  private newLines(): Record<string, string>[] {
    const { log } = this.mesh;
    const from = this.logRead;
    this.logRead = log.length;
    return log
      .slice(from)
      .map(
        (line) =>
          new RegExp(`^(?:sidecar )?(?:client|server|gateway)-${this.side}: (\\{"attempts".*\\})$`).exec(line)?.[1],
      )
      .filter((json) => json !== undefined)
      .map((json) => {
        const fields = JSON.parse(json) as Record<string, string | number | null>;
        return Object.fromEntries(Object.entries(fields).map(([key, value]) => [key, String(value ?? '-')]));
      })
      .filter(({ authority }) => authority !== MARKER);
  }

  private listing(role: Role): WorkloadListing {
    const found = this.listings.get(role);
    if (found === undefined) throw new Error(`${role}-${this.side} was not started`);
    return found;
  }

  private admin(role: Role): string {
    return `http://127.0.0.1:${this.listing(role).sidecar?.admin}`;
  }

  private async startEnvoy(name: string, envoy: string): Promise<WorkloadListing> {
    const { mesh } = this;
    const agent = mesh.spawn(`agent ${name}`, process.execPath, [weft, 'agent', name, '--state', mesh.state]);
    const bootstrap = await bootstrapOf(agent);
    const quick = ['--concurrency', '1', '--use-dynamic-base-id', '-l', 'warn', '--file-flush-interval-msec', '10'];
    mesh.spawn(name, envoy, ['-c', bootstrap, ...quick]);
    const listing = await mesh.workload(name);
    await mesh.until(name, () => getText(`http://127.0.0.1:${listing.sidecar?.admin}/ready`));
    return listing;
  }
}

/** The path that the agent prints. */
function bootstrapOf(agent: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = '';
    agent.stdout?.on('data', (chunk: Buffer) => {
      text += chunk.toString();
      const [line, rest] = text.split('\n', 2);
      if (rest !== undefined && line !== undefined) resolve(join(line.trim()));
    });
    agent.once('exit', () => reject(new Error('the agent ended without a bootstrap')));
  });
}

import { writeFileSync } from 'node:fs';
import { get } from 'node:http';
import { join } from 'node:path';
import { sidecarCommand } from '../../cli/installation.js';
import type { Kind, Place } from './bootstrap.js';
import { cpuMicros, type Memory, memoryOf } from './proc.js';
import { freePort, PinnedProcess, PROXY_CPU } from './processes.js';
import type { Context } from './scenario.js';

export type MakeBootstrap = (place: Place) => object;

export interface ContenderOptions {
  /** Its column in the tables; its kind if it has no name of its own. */
  readonly name?: string;
  readonly kind: Kind;
  /** The proxies in the order in which a request passes them. */
  readonly chain: readonly MakeBootstrap[];
  /** Where the last of them sends to. */
  readonly application: number;
}

interface Proxy {
  readonly process: PinnedProcess;
  readonly port: number;
  readonly admin: number;
  readonly startMs: number;
}

const SETTLE_MS = 500;

/** One side of a comparison: a chain of proxies, the first of which takes the load. It ends with the scenario. */
export class Contender {
  private constructor(
    readonly name: string,
    readonly kind: Kind,
    private readonly proxies: readonly Proxy[],
  ) {}

  /** Starts the proxies from the application backwards, each sending to the one before. */
  static async start(context: Context, { name, kind, chain, application }: ContenderOptions): Promise<Contender> {
    const proxies: Proxy[] = [];
    let upstream = application;
    for (const bootstrap of [...chain].reverse()) {
      const proxy = await startProxy(context, kind, bootstrap, upstream);
      proxies.unshift(proxy);
      upstream = proxy.port;
    }
    await new Promise((resolve) => setTimeout(resolve, context.smoke ? 0 : SETTLE_MS));
    return new Contender(name ?? kind, kind, proxies);
  }

  /** Where the first proxy listens. */
  get port(): number {
    return this.proxies[0]?.port ?? 0;
  }

  get adminPorts(): readonly number[] {
    return this.proxies.map((proxy) => proxy.admin);
  }

  get pids(): readonly number[] {
    return this.proxies.map((proxy) => proxy.process.pid);
  }

  /** From the start of the process to readiness, ms; the slowest of its proxies. */
  get startMs(): number {
    return Math.max(...this.proxies.map((proxy) => proxy.startMs));
  }

  /** Processor time so far, all threads of all its proxies, microseconds. */
  cpuMicros(): number {
    return this.pids.reduce((sum, pid) => sum + cpuMicros(pid), 0);
  }

  /** In sum over its proxies. */
  memory(): Memory {
    return memoryOf(this.pids);
  }

  /** @throws Error when a proxy has ended. */
  check(): void {
    for (const proxy of this.proxies) proxy.process.check();
  }

  async stop(): Promise<void> {
    await Promise.all(this.proxies.map((proxy) => proxy.process.stop()));
  }
}

async function startProxy(context: Context, kind: Kind, bootstrap: MakeBootstrap, upstream: number): Promise<Proxy> {
  const [port, admin] = [await freePort(), await freePort()];
  const file = join(context.folder, `${kind}-${port}.json`);
  writeFileSync(file, JSON.stringify(bootstrap({ kind, port, admin, upstream })), { mode: 0o600 });
  const started = performance.now();
  const process = new PinnedProcess(kind, PROXY_CPU, commandOf(kind, context, file));
  context.defer(() => process.stop());
  await untilReady(admin, process);
  return { process, port, admin, startMs: performance.now() - started };
}

/** Ours as the images run it; Envoy with one worker, since it has one processor, and silent. */
export function commandOf(kind: Kind, { node, envoy }: Pick<Context, 'node' | 'envoy'>, file: string): string[] {
  if (kind === 'weft') return [...sidecarCommand(node), 'proxy', '-c', file];
  return [envoy ?? '', '-c', file, '--concurrency', '1', '--log-level', 'off', '--use-dynamic-base-id'];
}

const READY_TIMEOUT_MS = 60_000;
const READY_POLL_MS = 5;

/** @throws Error when the process ends, or its admin port does not say that it is ready. */
export async function untilReady(admin: number, process: PinnedProcess): Promise<void> {
  const deadline = performance.now() + READY_TIMEOUT_MS;
  while (!(await isReady(admin))) {
    process.check();
    if (performance.now() > deadline) throw new Error(`a proxy was not ready after ${READY_TIMEOUT_MS / 1000} s`);
    await new Promise((resolve) => setTimeout(resolve, READY_POLL_MS));
  }
}

function isReady(admin: number): Promise<boolean> {
  return new Promise((resolve) => {
    const request = get({ host: '127.0.0.1', port: admin, path: '/ready', agent: false }, (response) => {
      response.resume();
      resolve(response.statusCode === 200);
    });
    request.once('error', () => resolve(false));
  });
}

import { writeFileSync } from 'node:fs';
import { get } from 'node:http';
import { join } from 'node:path';
import { weftProgram } from '../../cli/installation.js';
import type { Place, Side } from './bootstrap.js';
import { cpuMicros, freePort, type LoadProcess, type Memory, memoryOf, PinnedProcess } from './processes.js';

/** One side in one round. Processor time and memory are sums over its proxies. */
export interface Measurement extends Memory {
  readonly side: Side;
  /** Processor time a request, microseconds, user and system. */
  readonly cpuPerRequest: number;
  readonly requestsPerSecond: number;
  /** Milliseconds. */
  readonly p50: number;
  readonly p99: number;
  readonly errors: number;
}

/** What a side costs before its first request. */
export interface Start extends Memory {
  readonly side: Side;
  /** From the start of the process to readiness, ms; the slowest of its proxies. */
  readonly startMs: number;
}

/** The programs that are compared. */
export interface Programs {
  readonly node: string;
  readonly envoy: string | undefined;
  readonly folder: string;
}

export type MakeBootstrap = (place: Place) => object;

interface Proxy {
  readonly process: PinnedProcess;
  readonly port: number;
  readonly startMs: number;
}

const PROXY_CPU = 1;
const SETTLE_MS = 500;

/** One side of a comparison: a chain of proxies, the first of which takes the load. */
export class Contender {
  private constructor(
    readonly side: Side,
    private readonly proxies: readonly Proxy[],
    readonly start: Start,
  ) {}

  /** Starts the proxies from the application backwards, each sending to the one before. */
  static async start(
    side: Side,
    programs: Programs,
    chain: readonly MakeBootstrap[],
    application: number,
  ): Promise<Contender> {
    const proxies: Proxy[] = [];
    let upstream = application;
    for (const bootstrap of [...chain].reverse()) {
      const proxy = await startProxy(side, programs, bootstrap, upstream);
      proxies.unshift(proxy);
      upstream = proxy.port;
    }
    await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
    const startMs = Math.max(...proxies.map((proxy) => proxy.startMs));
    return new Contender(side, proxies, { side, startMs, ...memory(proxies) });
  }

  async measure(load: LoadProcess, connections: number, ms: number): Promise<Measurement> {
    const before = this.cpu();
    const port = this.proxies[0]?.port ?? 0;
    const report = await load.run({ host: '127.0.0.1', port, connections, ms });
    for (const proxy of this.proxies) proxy.process.check();
    if (report.requests === 0) throw new Error(`${this.side} answered no request`);
    return {
      side: this.side,
      cpuPerRequest: (this.cpu() - before) / report.requests,
      requestsPerSecond: report.requests / report.seconds,
      p50: report.p50,
      p99: report.p99,
      errors: report.errors,
      ...memory(this.proxies),
    };
  }

  async stop(): Promise<void> {
    await Promise.all(this.proxies.map((proxy) => proxy.process.stop()));
  }

  private cpu(): number {
    return this.proxies.reduce((sum, proxy) => sum + cpuMicros(proxy.process.pid), 0);
  }
}

function memory(proxies: readonly Proxy[]): Memory {
  const all = proxies.map((proxy) => memoryOf(proxy.process.pid));
  return {
    residentKb: all.reduce((sum, one) => sum + one.residentKb, 0),
    anonymousKb: all.reduce((sum, one) => sum + one.anonymousKb, 0),
  };
}

async function startProxy(side: Side, programs: Programs, bootstrap: MakeBootstrap, upstream: number): Promise<Proxy> {
  const [port, admin] = [await freePort(), await freePort()];
  const file = join(programs.folder, `${side}-${port}.json`);
  writeFileSync(file, JSON.stringify(bootstrap({ side, port, admin, upstream })), { mode: 0o600 });
  const started = performance.now();
  const process = new PinnedProcess(side, PROXY_CPU, commandOf(side, programs, file));
  await untilReady(admin, process);
  return { process, port, startMs: performance.now() - started };
}

function commandOf(side: Side, { node, envoy }: Programs, file: string): string[] {
  if (side === 'weft') return [node, weftProgram(), 'proxy', '-c', file];
  return [envoy ?? '', '-c', file, '--concurrency', '1', '--log-level', 'off', '--use-dynamic-base-id'];
}

const READY_TIMEOUT_MS = 30_000;
const READY_POLL_MS = 5;

async function untilReady(admin: number, process: PinnedProcess): Promise<void> {
  const deadline = performance.now() + READY_TIMEOUT_MS;
  while (!(await isReady(admin))) {
    process.check();
    if (performance.now() > deadline) throw new Error('a proxy was not ready after 30 s');
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

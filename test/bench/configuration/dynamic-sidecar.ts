import { writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import type { Kind } from '../bootstrap.js';
import { commandOf } from '../contender.js';
import { Exchange, requestBytes } from '../load/exchange.js';
import { cpuMicros, exactCpuMs, type Memory, memoryOf } from '../proc.js';
import { PinnedProcess, PROXY_CPU } from '../processes.js';
import type { Context } from '../scenario.js';
import type { BenchControlPlane } from './control-plane.js';

const SERVED_MS = 120_000;
const POLL_MS = 5;

export interface DynamicOptions {
  /** Its column in the tables. */
  readonly name: string;
  readonly kind: Kind;
  readonly controlPlane: BenchControlPlane;
  readonly workload: string;
  /** A host whose answer says that the configuration is in force. */
  readonly host: string;
}

/** A sidecar that gets everything from the control plane. */
export class DynamicSidecar {
  private constructor(
    readonly name: string,
    /** Where it takes the requests of its application. */
    readonly port: number,
    readonly adminPort: number,
    /** From the start of the process to the first answer of a service, ms. */
    readonly servedMs: number,
    private readonly process: PinnedProcess,
  ) {}

  static async start(context: Context, options: DynamicOptions): Promise<DynamicSidecar> {
    const { name, kind, controlPlane, workload, host } = options;
    const { admin, bootstrap } = await controlPlane.bootstrap(workload, kind === 'weft' ? 'weft' : 'envoy');
    const port = await controlPlane.outboundPort(workload);
    const file = join(context.folder, `${name}-${port}.json`);
    writeFileSync(file, JSON.stringify(bootstrap), { mode: 0o600 });
    const started = performance.now();
    const process = new PinnedProcess(name, PROXY_CPU, commandOf(kind, context, file));
    context.defer(() => process.stop());
    const request = requestBytes(host);
    while (!(await answers(port, request))) {
      process.check();
      if (performance.now() - started > SERVED_MS)
        throw new Error(`${name} served nothing after ${SERVED_MS / 1000} s`);
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
    return new DynamicSidecar(name, port, admin, performance.now() - started, process);
  }

  cpuMicros(): number {
    return cpuMicros(this.process.pid);
  }

  /** In ms; exact, for what takes less than a tick of the kernel's. */
  exactCpuMs(): number {
    return exactCpuMs(this.process.pid);
  }

  memory(): Memory {
    return memoryOf([this.process.pid]);
  }

  check(): void {
    this.process.check();
  }

  stop(): Promise<void> {
    return this.process.stop();
  }
}

async function answers(port: number, request: Buffer): Promise<boolean> {
  const exchange = new Exchange(connect({ host: '127.0.0.1', port, noDelay: true }));
  const ok = await exchange.request(request);
  exchange.socket.destroy();
  return ok;
}

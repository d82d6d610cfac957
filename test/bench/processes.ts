import { type ChildProcess, fork, spawn, spawnSync } from 'node:child_process';
import { createServer } from 'node:net';
import { cpus } from 'node:os';
import { fileURLToPath } from 'node:url';

/** Load generators and applications run on the one, what is measured on the other. */
export const LOAD_CPU = 0;
export const PROXY_CPU = 1;

/** Without taskset, or with one processor, everything shares what there is. */
export const canPin = cpus().length > 1 && spawnSync('taskset', ['-V']).status === 0;

/** Everything that was started, so that nothing outlives the bench however it ends. */
const children = new Set<ChildProcess>();

function owned(child: ChildProcess): ChildProcess {
  children.add(child);
  child.once('exit', () => children.delete(child));
  return child;
}

export function killAll(): void {
  for (const child of children) child.kill('SIGKILL');
}

const LOG_CHARACTERS = 4000;
const STOP_MS = 3000;

/** A program on one processor. taskset replaces itself by it, so the process that was spawned is the one that works. */
export class PinnedProcess {
  private log = '';
  private readonly child: ChildProcess;

  constructor(
    private readonly name: string,
    cpu: number,
    command: readonly string[],
  ) {
    const [program = '', ...args] = canPin ? ['taskset', '-c', String(cpu), ...command] : command;
    this.child = owned(spawn(program, args, { stdio: ['ignore', 'ignore', 'pipe'] }));
    this.child.on('error', (error) => {
      this.log += error.message;
    });
    this.child.stderr?.on('data', (chunk: Buffer) => {
      this.log = (this.log + chunk.toString()).slice(-LOG_CHARACTERS);
    });
  }

  get pid(): number {
    return this.child.pid ?? 0;
  }

  /** @throws Error with the end of its log when the process is not there (any more). */
  check(): void {
    if (this.child.pid !== undefined && this.child.exitCode === null && this.child.signalCode === null) return;
    throw new Error(`${this.name} ended with ${this.child.exitCode ?? this.child.signalCode}: ${this.log.trim()}`);
  }

  stop(): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null || this.child.pid === undefined) {
      return Promise.resolve();
    }
    // By a signal that lets it end by itself, so that a Node that was told to profile writes its profile.
    return new Promise((resolve) => {
      const late = setTimeout(() => this.child.kill('SIGKILL'), STOP_MS);
      this.child.once('exit', () => {
        clearTimeout(late);
        resolve();
      });
      this.child.kill('SIGINT');
    });
  }
}

/**
 * A load generator, mostly with the application it calls, in a process of its own: a module of `load/` that speaks
 * `load/orders.ts`.
 */
export class LoadProcess<Order, Report, Ready> {
  private constructor(
    private readonly child: ChildProcess,
    /** What it said when it was ready, such as where its application listens. */
    readonly ready: Ready,
  ) {}

  /** `name` is the module's, without its ending. */
  static async start<Order, Report, Ready>(name: string, cpu = LOAD_CPU): Promise<LoadProcess<Order, Report, Ready>> {
    const module = fileURLToPath(new URL(`./load/${name}.js`, import.meta.url));
    const child = owned(fork(module, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] }));
    if (canPin && child.pid !== undefined) spawnSync('taskset', ['-a', '-p', '-c', String(cpu), String(child.pid)]);
    const { ready } = await answer<{ ready: Ready }>(child);
    return new LoadProcess(child, ready);
  }

  get pid(): number {
    return this.child.pid ?? 0;
  }

  /** One at a time. */
  async run(order: Order): Promise<Report> {
    const reply = answer<{ report: Report } | { error: string }>(this.child);
    this.child.send({ order });
    const result = await reply;
    if ('error' in result) throw new Error(`the load generator: ${result.error}`);
    return result.report;
  }

  stop(): void {
    this.child.kill('SIGKILL');
  }
}

/** The next message; rejects when the process ends instead. */
function answer<T>(child: ChildProcess): Promise<T> {
  return new Promise((resolve, reject) => {
    const ended = (code: number | null): void => reject(new Error(`the load generator ended with ${code}`));
    child.once('exit', ended);
    child.once('message', (message: T) => {
      child.off('exit', ended);
      resolve(message);
    });
  });
}

/** Every port is given once in a run: one that was given and is not yet listened on must not be given again. */
const given = new Set<number>();

export async function freePort(): Promise<number> {
  for (;;) {
    const port = await someFreePort();
    if (given.has(port)) continue;
    given.add(port);
    return port;
  }
}

function someFreePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0));
    });
  });
}

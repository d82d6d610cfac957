import { type ChildProcess, fork, spawn, spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { cpus } from 'node:os';
import type { LoadOrder, LoadReport } from './load.js';

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

/** Load generator and application, in a process of their own on one processor. */
export class LoadProcess {
  private constructor(
    private readonly child: ChildProcess,
    /** Where its application listens. */
    readonly port: number,
  ) {}

  static async start(module: string, cpu: number): Promise<LoadProcess> {
    const child = owned(fork(module, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] }));
    if (canPin && child.pid !== undefined) spawnSync('taskset', ['-a', '-p', '-c', String(cpu), String(child.pid)]);
    const port = await answer<{ listening: number }>(child);
    return new LoadProcess(child, port.listening);
  }

  run(order: LoadOrder): Promise<LoadReport> {
    const report = answer<LoadReport>(this.child);
    this.child.send({ start: order });
    return report;
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

export const hasProc = existsSync('/proc/self/stat');

/** What a tick of /proc's counters is on every architecture that Linux runs Node on (USER_HZ is 100). */
const MICROS_PER_TICK = 10_000;

/** Processor time of a process, all threads, user and system, in microseconds; from /proc/PID/stat. */
export function cpuMicros(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /, '')
    .split(' ');
  return (Number(fields[11]) + Number(fields[12])) * MICROS_PER_TICK;
}

export interface Memory {
  readonly residentKb: number;
  /** Not backed by a file: what the process itself has taken. */
  readonly anonymousKb: number;
}

export function memoryOf(pid: number): Memory {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const read = (key: string): number => Number(new RegExp(`^${key}:\\s+(\\d+)`, 'm').exec(status)?.[1] ?? 0);
  return { residentKb: read('VmRSS'), anonymousKb: read('RssAnon') };
}

export function machineDescription(node: string): string {
  const model = /model name\s*:\s*(.+)/.exec(readFileSync('/proc/cpuinfo', 'utf8'))?.[1] ?? 'unknown processor';
  const version = spawnSync(node, ['--version'], { encoding: 'utf8' }).stdout?.trim() ?? '';
  if (version === '') throw new Error(`${node} --version gave no answer`);
  return `${cpus().length} × ${model.trim()}, Node ${version}${canPin ? '' : '; not pinned: taskset or a second processor is missing'}`;
}

/** The version that a program names itself; empty when it does not. */
export function envoyVersion(envoy: string): string {
  const text = spawnSync(envoy, ['--version'], { encoding: 'utf8' }).stdout ?? '';
  return /\/(\d+\.\d+\.\d+[^/]*)\//.exec(text)?.[1] ?? '';
}

export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0));
    });
  });
}

import { type ChildProcess, fork, spawn, spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { cpus } from 'node:os';
import type { LoadOrder, LoadReport } from './load.js';

const hasTaskset = spawnSync('taskset', ['-V']).status === 0 && cpus().length > 1;

/** Starts a program on one processor where the system allows it. */
export function spawnPinned(cpu: number, program: string, args: readonly string[]): ChildProcess {
  return hasTaskset
    ? spawn('taskset', ['-c', String(cpu), program, ...args], { stdio: ['ignore', 'ignore', 'pipe'] })
    : spawn(program, [...args], { stdio: ['ignore', 'ignore', 'pipe'] });
}

/** Load generator and application, in a process of their own on one processor. */
export class LoadProcess {
  private constructor(
    private readonly child: ChildProcess,
    /** Where its application listens. */
    readonly port: number,
  ) {}

  static async start(module: string, cpu: number): Promise<LoadProcess> {
    const child = fork(module, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
    if (hasTaskset && child.pid !== undefined) spawnSync('taskset', ['-a', '-p', '-c', String(cpu), String(child.pid)]);
    const port = await new Promise<number>((resolve, reject) => {
      child.once('message', (message: { listening: number }) => resolve(message.listening));
      child.once('exit', (code) => reject(new Error(`the load generator ended with ${code}`)));
    });
    return new LoadProcess(child, port);
  }

  run(order: LoadOrder): Promise<LoadReport> {
    return new Promise((resolve) => {
      this.child.once('message', (report: LoadReport) => resolve(report));
      this.child.send({ start: order });
    });
  }

  stop(): void {
    this.child.disconnect();
  }
}

/** Processor time of a process, all threads, user and system, in microseconds; from /proc/PID/stat. */
export function cpuMicros(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /, '')
    .split(' ');
  const ticks = Number(fields[11]) + Number(fields[12]);
  return ticks * 10_000;
}

/** Memory in kB: resident, anonymous and proportional. */
export function memoryKb(pid: number): { resident: number; anonymous: number; proportional: number } {
  const read = (file: string, key: string): number => {
    const match = existsSync(file) ? new RegExp(`^${key}:\\s+(\\d+)`, 'm').exec(readFileSync(file, 'utf8')) : null;
    return Number(match?.[1] ?? 0);
  };
  return {
    resident: read(`/proc/${pid}/status`, 'VmRSS'),
    anonymous: read(`/proc/${pid}/status`, 'RssAnon'),
    proportional: read(`/proc/${pid}/smaps_rollup`, 'Pss'),
  };
}

/** The process that does the work: taskset replaces itself, so it is the one that was spawned. */
export function pidOf(child: ChildProcess): number {
  if (child.pid === undefined) throw new Error('the process did not start');
  return child.pid;
}

export function machineDescription(): string {
  const model = /model name\s*:\s*(.+)/.exec(readFileSync('/proc/cpuinfo', 'utf8'))?.[1] ?? 'unknown processor';
  return `${cpus().length} × ${model.trim()}, Node ${process.version}`;
}

export const hasProc = existsSync('/proc') && readdirSync('/proc').length > 0;

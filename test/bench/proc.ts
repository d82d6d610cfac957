import { existsSync, readdirSync, readFileSync } from 'node:fs';

export const hasProc = existsSync('/proc/self/stat');

/** What a tick of /proc's counters is on every architecture that Linux runs Node on (USER_HZ is 100). */
const MICROS_PER_TICK = 10_000;

/** Processor time of a process, all threads, user and system, in microseconds; from /proc/PID/stat. */
export function cpuMicros(pid: number): number {
  return cpuMicrosIn(readFileSync(`/proc/${pid}/stat`, 'utf8'));
}

/** The same of the text of /proc/PID/stat. */
export function cpuMicrosIn(stat: string): number {
  const fields = stat.replace(/^.*\) /, '').split(' ');
  return (Number(fields[11]) + Number(fields[12])) * MICROS_PER_TICK;
}

/**
 * Processor time of a process, all threads that it has now, user and system, in ms. Exact to the nanosecond, for what takes less than
 * some of stat's ticks; threads that have ended are not in it.
 */
export function exactCpuMs(pid: number): number {
  let sum = 0;
  for (const task of readdirSync(`/proc/${pid}/task`)) sum += Number(schedstatOf(pid, task).split(' ')[0]) / 1e6;
  return sum;
}

function schedstatOf(pid: number, task: string): string {
  try {
    return readFileSync(`/proc/${pid}/task/${task}/schedstat`, 'utf8');
  } catch {
    // The thread has ended since.
    return '0';
  }
}

/** Resident size of a process, MB. Costs the process nothing, other than {@link memoryOf}, which walks its pages. */
export function residentMb(pid: number): number {
  return field(readFileSync(`/proc/${pid}/status`, 'utf8'), 'VmRSS');
}

export interface Memory {
  readonly residentMb: number;
  /** Not backed by a file: what the process itself has taken. */
  readonly anonymousMb: number;
  /** Pages that several processes map are shared out among them (PSS). */
  readonly proportionalMb: number;
}

const KB_PER_MB = 1024;

/** Memory of processes in sum, MB. */
export function memoryOf(pids: readonly number[]): Memory {
  let residentMb = 0;
  let anonymousMb = 0;
  let proportionalMb = 0;
  for (const pid of pids) {
    const memory = memoryIn(
      readFileSync(`/proc/${pid}/status`, 'utf8'),
      readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'),
    );
    residentMb += memory.residentMb;
    anonymousMb += memory.anonymousMb;
    proportionalMb += memory.proportionalMb;
  }
  return { residentMb, anonymousMb, proportionalMb };
}

/** Memory by the texts of /proc/PID/status and smaps_rollup, MB. */
export function memoryIn(status: string, rollup: string): Memory {
  return {
    residentMb: field(status, 'VmRSS'),
    anonymousMb: field(status, 'RssAnon'),
    proportionalMb: field(rollup, 'Pss'),
  };
}

function field(text: string, key: string): number {
  return Number(new RegExp(`^${key}:\\s+(\\d+)`, 'm').exec(text)?.[1] ?? 0) / KB_PER_MB;
}

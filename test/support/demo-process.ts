import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { DemoState, Hop } from '../../cli/demo/state.js';
import { gone, killed } from './processes.js';

/** Root of the checkout. */
export const checkout = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
export const weft = join(checkout, 'dist', 'cli', 'main.js');

export type DemoLine = DemoState & { readonly notices: readonly string[] };

/** A `weft demo --json` of its own, in a folder of its own. */
export class DemoProcess {
  readonly home: string;
  readonly lines: DemoLine[] = [];
  readonly errors: string[] = [];
  readonly child: ChildProcess;
  private readonly waiting = new Set<() => void>();
  private exitCode: number | null | undefined;

  constructor(args: readonly string[] = []) {
    this.home = mkdtempSync(join(tmpdir(), 'weft-demo-'));
    this.child = spawn(process.execPath, [weft, 'demo', '--json', '--home', this.home, ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    });
    const { stdout, stderr } = this.child;
    if (stdout === null || stderr === null) throw new Error('no pipes');
    createInterface({ input: stdout }).on('line', (line) => {
      this.lines.push(JSON.parse(line) as DemoLine);
      this.wake();
    });
    createInterface({ input: stderr }).on('line', (line) => this.errors.push(line));
    this.child.on('exit', (code) => {
      this.exitCode = code;
      this.wake();
    });
  }

  get config(): string {
    return join(this.home, 'config');
  }

  get state(): string {
    return join(this.home, 'state');
  }

  get last(): DemoLine | undefined {
    return this.lines.at(-1);
  }

  read(file: string): string {
    return readFileSync(join(this.config, file), 'utf8');
  }

  write(file: string, text: string): void {
    writeFileSync(join(this.config, file), text);
  }

  remove(file: string): void {
    rmSync(join(this.config, file), { force: true });
  }

  /** Resolves with the first line from now on for which `condition` holds. */
  async until(what: string, condition: (line: DemoLine) => boolean, timeoutMs = 40_000): Promise<DemoLine> {
    const deadline = Date.now() + timeoutMs;
    for (let next = this.lines.length; ; ) {
      for (; next < this.lines.length; next++) {
        const line = this.lines[next];
        if (line !== undefined && condition(line)) return line;
      }
      if (this.exitCode !== undefined)
        throw new Error(`the demo ended (${this.exitCode}) before ${what}\n${this.describe()}`);
      if (Date.now() > deadline) throw new Error(`${what} did not come about\n${this.describe()}`);
      await this.nextChange(deadline - Date.now());
    }
  }

  /** Ends by SIGTERM; resolves with the exit code. */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<number | null> {
    if (this.exitCode === undefined) this.child.kill(signal);
    return this.exited();
  }

  /** Ctrl-C on a terminal: the signal goes to the whole process group. */
  async interrupt(): Promise<number | null> {
    if (this.child.pid !== undefined) process.kill(-this.child.pid, 'SIGINT');
    return this.exited();
  }

  async exited(timeoutMs = 60_000): Promise<number | null> {
    const deadline = Date.now() + timeoutMs;
    while (this.exitCode === undefined) {
      if (Date.now() > deadline) throw new Error(`the demo did not end\n${this.describe()}`);
      await this.nextChange(1000);
    }
    return this.exitCode;
  }

  /** Its parts are groups of their own and write into the folder until they notice that it is gone: they are waited for. */
  async dispose(): Promise<void> {
    await killed([this.child]);
    if (existsSync('/proc/self/cmdline')) await gone(this.home);
    rmSync(this.home, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
  }

  describe(): string {
    const notices = this.lines.flatMap((line) => line.notices);
    return [`last: ${JSON.stringify(this.last)}`, ...notices.slice(-20), ...this.errors.slice(-20)].join('\n');
  }

  private wake(): void {
    for (const resolve of this.waiting) resolve();
    this.waiting.clear();
  }

  private nextChange(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, Math.max(ms, 1));
      this.waiting.add(() => {
        clearTimeout(timer);
        resolve();
      });
    });
  }
}

export function hop(line: DemoLine | undefined, source: string, destination: string): Hop | undefined {
  return line?.hops.find((candidate) => candidate.source === source && candidate.destination === destination);
}

/** Requests of one hop since the start, all codes together or one. */
export function count(line: DemoLine | undefined, source: string, destination: string, code?: number): number {
  const codes = hop(line, source, destination)?.byCode ?? {};
  return Object.entries(codes).reduce(
    (sum, [key, value]) => sum + (code === undefined || Number(key) === code ? value : 0),
    0,
  );
}

import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Clock, Timer } from '../../common/runtime/clock.js';

/** A part of the demo that has died starts again after this, so that ejection and loss can be watched. */
const RESTART_MS = 2000;
const STOP_GRACE_MS = 5000;

export interface ChildSpec {
  /** Shown to the user: `sidecar reviews-v1`. */
  readonly name: string;
  /** Arguments of the `weft` program. */
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

export interface ChildEvents {
  /** A line that the part wrote. */
  onLine(child: string, line: string): void;
  onDown(child: string, reason: string): void;
  onUp(child: string): void;
}

/**
 * The demo's processes. Each one hangs on an IPC channel and ends when the channel closes, so that even a SIGKILL of the
 * demo leaves nothing behind; one that ends by itself is started again.
 */
export class Children {
  private readonly running = new Map<string, Child>();
  private stopping = false;

  constructor(
    private readonly program: string,
    private readonly clock: Clock,
    private readonly events: ChildEvents,
  ) {}

  start(spec: ChildSpec): void {
    if (this.stopping || this.running.has(spec.name)) return;
    const child = new Child(this.program, spec, this.clock, this.events);
    this.running.set(spec.name, child);
    child.start();
  }

  has(name: string): boolean {
    return this.running.has(name);
  }

  /** Names of the parts that are not running at the moment. */
  down(): string[] {
    return [...this.running.values()].filter((child) => !child.alive).map((child) => child.spec.name);
  }

  pids(): Record<string, number> {
    const pids: Record<string, number> = {};
    for (const child of this.running.values()) if (child.pid !== undefined) pids[child.spec.name] = child.pid;
    return pids;
  }

  /** Ends one part for good. */
  async stop(name: string): Promise<void> {
    const child = this.running.get(name);
    this.running.delete(name);
    await child?.stop();
  }

  /** Ends every part; resolves when the last one is gone. */
  async stopAll(): Promise<void> {
    this.stopping = true;
    await Promise.all([...this.running.values()].map((child) => child.stop()));
    this.running.clear();
  }
}

class Child {
  alive = false;
  private process: ChildProcess | undefined;
  private restart: Timer | undefined;
  private ended = false;

  constructor(
    private readonly program: string,
    readonly spec: ChildSpec,
    private readonly clock: Clock,
    private readonly events: ChildEvents,
  ) {}

  get pid(): number | undefined {
    return this.alive ? this.process?.pid : undefined;
  }

  start(): void {
    const child = spawn(process.execPath, [...process.execArgv, this.program, ...this.spec.args], {
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      // A group of its own: Ctrl-C on the terminal is for the demo, which then lets the last requests end.
      detached: true,
      env: { ...process.env, ...this.spec.env },
    });
    this.process = child;
    this.alive = true;
    for (const stream of [child.stdout, child.stderr]) {
      if (stream !== null)
        createInterface({ input: stream }).on('line', (line) => this.events.onLine(this.spec.name, line));
    }
    child.on('error', (error) => this.onEnd(error.message));
    child.on('exit', (code, signal) => this.onEnd(signal === null ? `exit code ${code}` : `signal ${signal}`));
    this.events.onUp(this.spec.name);
  }

  private onEnd(reason: string): void {
    if (!this.alive) return;
    this.alive = false;
    if (this.ended) return;
    this.events.onDown(this.spec.name, reason);
    this.restart = this.clock.after(RESTART_MS, () => this.start());
  }

  stop(): Promise<void> {
    this.ended = true;
    this.restart?.cancel();
    const child = this.process;
    if (child === undefined || !this.alive) return Promise.resolve();
    return new Promise((resolve) => {
      const kill = this.clock.after(STOP_GRACE_MS, () => child.kill('SIGKILL'));
      child.once('exit', () => {
        kill.cancel();
        resolve();
      });
      child.kill('SIGTERM');
    });
  }
}

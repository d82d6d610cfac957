import { closeSync, openSync, write, writeSync } from 'node:fs';
import type { Clock, Timer } from '../../common/runtime/clock.js';

/** Where finished lines go. */
export interface LogSink {
  /** `line` carries its own line end. */
  write(line: string): void;
}

const FLUSH_MS = 1000;
const FLUSH_BYTES = 64 * 1024;
/** What waits for a disk or pipe that does not keep up; beyond it lines are dropped and counted. */
const MAX_WAITING = 16 * 1024 * 1024;

/** One buffered writer a path, shared by all access logs that name it. */
export class LogSinks {
  private readonly sinks = new Map<string, FileSink>();

  constructor(private readonly clock: Clock) {}

  /** `/dev/stdout` and `/dev/stderr` are this process's own. A path that cannot be opened throws. */
  open(path: string): LogSink {
    let sink = this.sinks.get(path);
    if (sink === undefined) {
      sink = new FileSink(path, this.clock);
      this.sinks.set(path, sink);
    }
    return sink;
  }

  /** Lines that were lost because a sink could not take them. */
  get dropped(): number {
    return [...this.sinks.values()].reduce((sum, sink) => sum + sink.dropped, 0);
  }

  /** Opens the files anew, after a rotation moved them (POST /reopen_logs). */
  reopen(): void {
    for (const sink of this.sinks.values()) sink.reopen();
  }

  /** Writes what is buffered and waits for nothing: for the end of the process. */
  flush(): void {
    for (const sink of this.sinks.values()) sink.flushNow();
  }
}

const STANDARD: ReadonlyMap<string, number> = new Map([
  ['/dev/stdout', 1],
  ['/dev/stderr', 2],
]);

class FileSink implements LogSink {
  dropped = 0;
  private fd: number;
  private waiting = '';
  private writing: Buffer | undefined;
  private timer: Timer | undefined;
  private closeLater: number | undefined;

  constructor(
    private readonly path: string,
    private readonly clock: Clock,
  ) {
    this.fd = openLog(path);
  }

  write(line: string): void {
    if (this.waiting.length + line.length > MAX_WAITING) {
      this.dropped++;
      return;
    }
    this.waiting += line;
    if (this.waiting.length >= FLUSH_BYTES) this.flush();
    else this.timer ??= this.clock.after(FLUSH_MS, () => this.flush());
  }

  reopen(): void {
    if (STANDARD.has(this.path)) {
      this.flush();
      return;
    }
    this.flushNow();
    try {
      const next = openLog(this.path);
      const old = this.fd;
      this.fd = next;
      // A write under way keeps its descriptor until it is done.
      if (this.writing === undefined) closeSync(old);
      else this.closeLater = old;
    } catch {
      // The old file goes on receiving lines; that is better than losing them.
    }
  }

  flushNow(): void {
    const rest = this.waiting;
    this.waiting = '';
    this.timer?.cancel();
    this.timer = undefined;
    try {
      if (rest !== '') writeSync(this.fd, rest);
    } catch {
      this.dropped++;
    }
  }

  private flush(): void {
    this.timer?.cancel();
    this.timer = undefined;
    if (this.writing !== undefined || this.waiting === '') return;
    this.writing = Buffer.from(this.waiting);
    this.waiting = '';
    this.writeOn(this.fd, this.writing);
  }

  private writeOn(fd: number, chunk: Buffer): void {
    write(fd, chunk, (error, written) => {
      if (error?.code === 'EAGAIN') {
        // A pipe that is full: try again instead of losing lines.
        this.clock.after(10, () => this.writeOn(fd, chunk));
        return;
      }
      if (error !== null) this.dropped++;
      else if (written < chunk.length) {
        this.writeOn(fd, chunk.subarray(written));
        return;
      }
      this.onWritten();
    });
  }

  private onWritten(): void {
    this.writing = undefined;
    if (this.closeLater !== undefined) {
      closeSync(this.closeLater);
      this.closeLater = undefined;
    }
    if (this.waiting.length >= FLUSH_BYTES) this.flush();
    else if (this.waiting !== '') this.timer ??= this.clock.after(FLUSH_MS, () => this.flush());
  }
}

function openLog(path: string): number {
  return STANDARD.get(path) ?? openSync(path, 'a', 0o644);
}

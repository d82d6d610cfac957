import { formatElapsed } from '../output/duration.js';
import { printable } from '../output/printable.js';
import { formatTable } from '../output/table.js';
import type { DemoState, Hop } from './state.js';

/** Where the demo shows itself: a redrawn table on a terminal, plain lines elsewhere, JSON for programs. */
export interface Screen {
  /** Something happened once: a step of the start, a part that went down, a finding. */
  notice(text: string): void;
  /** Comes about once a second. */
  update(state: DemoState): void;
  close(): void;
}

export type ScreenKind = 'terminal' | 'lines' | 'json';

export function createScreen(kind: ScreenKind, out: NodeJS.WriteStream): Screen {
  if (kind === 'json') return new JsonScreen(out);
  return kind === 'terminal' ? new TerminalScreen(out) : new LineScreen(out);
}

const percent = (share: number | undefined): string =>
  share === undefined ? '-' : `${(share * 100).toFixed(share === 1 ? 0 : 1)}%`;
const millis = (ms: number | undefined): string =>
  ms === undefined ? '-' : ms < 10 ? `${ms.toFixed(1)}ms` : `${Math.round(ms)}ms`;

/** `spiffe://cluster.local/ns/default/sa/bookinfo-reviews` → `default/bookinfo-reviews`. */
function shortIdentity(uri: string): string {
  const match = /^spiffe:\/\/[^/]+\/ns\/([^/]+)\/sa\/(.+)$/.exec(uri);
  return match === null ? uri || '-' : `${match[1]}/${match[2]}`;
}

function security(hop: Hop): string {
  return hop.mtls
    ? `mTLS ${shortIdentity(hop.sourceIdentity)} → ${shortIdentity(hop.destinationIdentity)}`
    : 'plaintext';
}

function rows(hops: readonly Hop[]): string[][] {
  return hops.map((hop) => [
    hop.source,
    hop.destination,
    hop.requestsPerSecond.toFixed(1),
    percent(hop.successRate),
    millis(hop.p50),
    millis(hop.p99),
    security(hop),
  ]);
}

const HEAD = ['SOURCE', 'DESTINATION', 'RPS', 'SUCCESS', 'P50', 'P99', 'SECURITY'];

function summary({ requests, failures }: DemoState): string {
  return `${requests} requests, ${failures.unasked} failed, ${failures.asked} failed as configured`;
}

function footer(state: DemoState): string[] {
  const lines: string[] = [];
  for (const name of state.down) lines.push(`DOWN  ${name} (starts again in two seconds)`);
  for (const finding of state.findings) lines.push(`!  ${finding}`);
  return lines;
}

/** How many of the last notices stay on the screen. */
const KEPT_NOTICES = 8;

/** Redraws in place; what happens stays below the table for a while. */
class TerminalScreen implements Screen {
  private notices: string[] = [];
  private state: DemoState | undefined;

  constructor(private readonly out: NodeJS.WriteStream) {
    out.write('\x1b[?25l');
  }

  notice(text: string): void {
    this.notices.push(text);
    this.notices = this.notices.slice(-KEPT_NOTICES);
    if (this.state === undefined) this.out.write(`${printable(text)}\n`);
    else this.draw(this.state);
  }

  update(state: DemoState): void {
    if (this.state === undefined) {
      // The steps of the start have been read; the table takes their place.
      this.notices = [];
      this.out.write('\x1b[2J');
    }
    this.state = state;
    this.draw(state);
  }

  close(): void {
    this.out.write('\x1b[?25h');
  }

  private draw(state: DemoState): void {
    const lines = [
      `weft demo  ${formatElapsed(state.elapsedMs)}   ${summary(state)}`,
      '',
      ...formatTable(HEAD, rows(state.hops)).split('\n'),
      '',
      ...state.help,
      ...footer(state),
      ...(this.notices.length > 0 ? ['', ...this.notices] : []),
    ];
    const width = this.out.columns ?? 120;
    this.out.write(`\x1b[H${lines.map((line) => `${clip(printable(line), width)}\x1b[K`).join('\n')}\n\x1b[J`);
  }
}

/** Cuts to the terminal's width, so that a long line does not break the redraw. */
function clip(line: string, width: number): string {
  return line.length > width ? `${line.slice(0, Math.max(0, width - 1))}…` : line;
}

/** For logs and pipes: a table every few seconds, and what happens in between. */
class LineScreen implements Screen {
  private updates = 0;

  constructor(private readonly out: NodeJS.WriteStream) {}

  notice(text: string): void {
    this.out.write(`${printable(text)}\n`);
  }

  update(state: DemoState): void {
    if (this.updates++ % 5 !== 0) return;
    const head = `[${formatElapsed(state.elapsedMs)}] ${summary(state)}`;
    this.out.write(printable(`${[head, formatTable(HEAD, rows(state.hops)), ...footer(state), ''].join('\n')}\n`));
  }

  close(): void {}
}

/** One JSON object a line, a second. */
class JsonScreen implements Screen {
  private notices: string[] = [];

  constructor(private readonly out: NodeJS.WriteStream) {}

  notice(text: string): void {
    this.notices.push(text);
  }

  update(state: DemoState): void {
    const { help: _help, ...data } = state;
    this.out.write(`${JSON.stringify({ ...data, notices: this.notices })}\n`);
    this.notices = [];
  }

  close(): void {}
}

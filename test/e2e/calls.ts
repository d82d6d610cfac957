import { Background, kubectl, MESH } from './cluster.js';

/** Requests that a pod makes. `url` is asked `count` times, or until it is told to stop. */
export interface Calls {
  readonly url: string;
  readonly count?: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** Between two requests; 0 sends the next when the last one is answered. */
  readonly intervalMs?: number;
  readonly concurrency?: number;
}

/** How often each answer came: `200`, `200 reviews-v1` (where the body names a pod), `ECONNRESET`. */
export interface Tally {
  readonly total: number;
  readonly answers: Readonly<Record<string, number>>;
  /** The first that were no 2xx, with time and body. */
  readonly failures: readonly string[];
}

// Runs in pods, so it is a text: node:http, connections kept, as applications have them.
const SCRIPT = `
const http = require('http');
const o = JSON.parse(process.argv[1]);
const agent = new http.Agent({ keepAlive: true });
const answers = {}, failures = [];
let sent = 0, open = 0, stopped = false, timer;
function note(key, good, more) {
  answers[key] = (answers[key] || 0) + 1;
  if (!good && failures.length < 10) failures.push(new Date().toISOString() + ' ' + key + ' ' + more);
  open--;
  if (!timer && !stopped && sent < o.count) one(); else end();
}
function one() {
  sent++; open++;
  const call = http.get(o.url, { agent, headers: o.headers || {}, timeout: 15000 }, (response) => {
    let body = '';
    response.on('data', (chunk) => { body += chunk; });
    response.on('end', () => {
      let who = '';
      try { const name = JSON.parse(body).podname; if (name) who = ' ' + name; } catch {}
      note(response.statusCode + who, response.statusCode < 300, body.slice(0, 100));
    });
    response.on('error', (error) => note(error.code || error.message, false, 'body'));
  });
  call.on('timeout', () => call.destroy(Object.assign(new Error('timeout'), { code: 'TIMEOUT' })));
  call.on('error', (error) => note(error.code || error.message, false, error.message));
}
function end() {
  if (open === 0 && (stopped || sent >= o.count)) {
    process.stdout.write(JSON.stringify({ total: sent, answers, failures }));
    process.exit(0);
  }
}
if (o.intervalMs > 0) timer = setInterval(() => { if (!stopped && sent < o.count) one(); else clearInterval(timer); }, o.intervalMs);
else for (let i = 0; i < (o.concurrency || 1); i++) one();
if (o.steady) { process.stdin.resume(); process.stdin.on('end', () => { stopped = true; end(); }); }
`;

function words(from: string, namespace: string, options: object): string[] {
  return ['exec', '-i', '-n', namespace, from, '--', 'node', '-e', SCRIPT, JSON.stringify(options)];
}

/** Asks from a pod, which has node in its container `app`, and resolves with what came. */
export async function ask(calls: Calls, from = 'deploy/client', namespace = MESH): Promise<Tally> {
  const text = await kubectl(...words(from, namespace, { count: 1, ...calls }));
  return JSON.parse(text) as Tally;
}

/** Steady load from a pod, until it is stopped. */
export class Load {
  readonly #child: Background;

  constructor(calls: Calls, from = 'deploy/client', namespace = MESH) {
    this.#child = new Background(
      'kubectl',
      words(from, namespace, { count: 1e9, intervalMs: 50, ...calls, steady: true }),
    );
  }

  async stop(): Promise<Tally> {
    const text = String(await this.#child.finish());
    if (text === '') throw new Error(`the load ended by itself: ${this.#child.stderr}`);
    return JSON.parse(text) as Tally;
  }
}

/** Part of the answers that match. */
export function share(tally: Tally, pattern: RegExp): number {
  const matching = Object.entries(tally.answers).filter(([key]) => pattern.test(key));
  return matching.reduce((sum, [, count]) => sum + count, 0) / Math.max(1, tally.total);
}

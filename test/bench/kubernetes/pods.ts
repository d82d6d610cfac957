import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface, type Interface } from 'node:readline';
import { kubectl } from '../../e2e/cluster.js';
import type { LoadReport } from '../load/closed-loop.js';
import type { LoadOrder } from '../load/http1.js';
import { cpuMicrosIn, type Memory, memoryIn } from '../proc.js';
import { NAMESPACE } from './manifests.js';

export interface Usage extends Memory {
  readonly cpuMicros: number;
}

/** Processor time and memory of the proxies of Deployments of one pod, in sum: of Envoy without its agent, of ours as a whole. */
export async function usageOf(deployments: readonly string[]): Promise<Usage> {
  const all = await Promise.all(deployments.map(usageOfOne));
  return all.reduce((sum, one) => ({
    cpuMicros: sum.cpuMicros + one.cpuMicros,
    residentMb: sum.residentMb + one.residentMb,
    anonymousMb: sum.anonymousMb + one.anonymousMb,
    proportionalMb: sum.proportionalMb + one.proportionalMb,
  }));
}

// Our sidecar is the first process of its container; an Envoy has an agent as its parent.
const READ = `p=$(grep -ls '(envoy)' /proc/[0-9]*/stat | head -n 1); d=\${p%/stat}; d=\${d:-/proc/1}
cat $d/stat; echo; cat $d/status; echo; cat $d/smaps_rollup`;

async function usageOfOne(deployment: string): Promise<Usage> {
  const text = await inProxy(deployment, 'sh', '-c', READ);
  const [stat = '', status = '', rollup = ''] = text.split('\n\n');
  return { cpuMicros: cpuMicrosIn(stat), ...memoryIn(status, rollup) };
}

/** What a program says in the sidecar's container. */
export function inProxy(deployment: string, ...command: readonly string[]): Promise<string> {
  return kubectl('exec', '-n', NAMESPACE, `deploy/${deployment}`, '-c', 'istio-proxy', '--', ...command);
}

const BRIDGE = `const child = require('child_process').fork('/bench/http1.js', { stdio: ['ignore', 2, 2, 'ipc'], env: {} });
child.on('message', (message) => process.stdout.write(JSON.stringify(message) + '\\n'));
child.on('exit', () => process.exit(1));
require('readline').createInterface({ input: process.stdin })
  .on('line', (line) => child.send(JSON.parse(line)))
  .on('close', () => { child.kill('SIGKILL'); process.exit(0); });`;

type Said = { readonly ready: unknown } | { readonly report: LoadReport } | { readonly error: string };

/** The load generator in a pod, as `LoadProcess` is one on this machine. */
export class PodLoad {
  readonly #child: ChildProcess;
  readonly #lines: Interface;
  #errors = '';

  private constructor(private readonly deployment: string) {
    const words = ['exec', '-i', '-n', NAMESPACE, `deploy/${deployment}`, '-c', 'app', '--', 'node', '-e', BRIDGE];
    this.#child = spawn('kubectl', words, { stdio: ['pipe', 'pipe', 'pipe'] });
    const { stdout, stderr } = this.#child;
    if (stdout === null || stderr === null) throw new Error('no pipes');
    stderr.on('data', (chunk: Buffer) => {
      this.#errors = (this.#errors + String(chunk)).slice(-1000);
    });
    this.#lines = createInterface({ input: stdout });
  }

  static async start(deployment: string): Promise<PodLoad> {
    const load = new PodLoad(deployment);
    await load.#next();
    return load;
  }

  /** One at a time. */
  async run(order: LoadOrder): Promise<LoadReport> {
    const next = this.#next();
    this.#child.stdin?.write(`${JSON.stringify({ order })}\n`);
    const said = await next;
    if ('report' in said) return said.report;
    throw new Error(`the load generator in ${this.deployment}: ${'error' in said ? said.error : 'began anew'}`);
  }

  stop(): void {
    this.#child.kill('SIGKILL');
  }

  #next(): Promise<Said> {
    return new Promise((resolve, reject) => {
      const ended = (): void => reject(new Error(`the load in ${this.deployment} ended: ${this.#errors.trim()}`));
      this.#child.once('exit', ended);
      this.#lines.once('line', (line) => {
        this.#child.off('exit', ended);
        resolve(JSON.parse(line) as Said);
      });
    });
  }
}

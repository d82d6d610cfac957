import { type ChildProcess, fork, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { controlPlaneCommand } from '../../../cli/installation.js';
import { exactCpuMs, residentMb } from '../proc.js';
import { canPin } from '../processes.js';
import type { ApiServer } from './api-server.js';
import type { CertificateOrder, CertificateReport } from './certificates.js';
import type { FleetReport, FromFleet, ToFleet } from './fleet-messages.js';

/** The control plane has this processor to itself; everything else shares the other. */
const OWN_CPU = 1;
const OTHER_CPU = 0;
const READY = '"msg":"the control plane is ready"';
const LOG_LINES = 40;

const children = new Set<ChildProcess>();

function owned(child: ChildProcess): ChildProcess {
  children.add(child);
  child.once('exit', () => children.delete(child));
  return child;
}

process.once('exit', () => {
  for (const child of children) child.kill('SIGKILL');
});

/** Leaves the control plane its processor; returns what ends that. */
export function makeRoom(): () => void {
  if (!canPin) return () => {};
  const pin = (processors: string): void =>
    void spawnSync('taskset', ['-a', '-p', '-c', processors, String(process.pid)]);
  pin(String(OTHER_CPU));
  return () => pin(`0-${cpus().length - 1}`);
}

export interface ControlPlaneOptions {
  readonly node: string;
  /** Options of Node, for profiles. */
  readonly nodeOptions?: readonly string[];
}

/** `weft control-plane --kubernetes`, as it runs in its pod. Resolves when it serves proxies. */
export function startControlPlane(
  apiServer: string,
  options: ControlPlaneOptions,
  xdsPort = 0,
): Promise<RunningControlPlane> {
  const folder = mkdtempSync(join(tmpdir(), 'weft-bench-'));
  const kubeconfig = join(folder, 'kubeconfig');
  writeFileSync(kubeconfig, JSON.stringify(kubeconfigOf(apiServer)));
  const ports = ['--xds-port', String(xdsPort), '--debug-port', '0', '--webhook-port', '0'];
  const listen = ['--listen', '127.0.0.1', '--shutdown-delay', '10ms'];
  const start = controlPlaneCommand(options.node);
  const node = start.slice(0, -1).concat(options.nodeOptions ?? []);
  const command = [...node, ...start.slice(-1), 'control-plane', '--kubernetes'];
  const [program = '', ...args] = canPin ? ['taskset', '-c', String(OWN_CPU), ...command] : command;
  const child = owned(
    spawn(program, [...args, ...listen, ...ports], {
      stdio: ['ignore', 'ignore', 'pipe'],
      env: { ...process.env, KUBECONFIG: kubeconfig, POD_NAME: 'bench-0', POD_NAMESPACE: 'istio-system' },
    }),
  );
  const log: string[] = [];
  return new Promise((resolve, reject) => {
    child.once('exit', (code) => reject(new Error(`the control plane ended with ${code}: ${log.join('\n')}`)));
    child.on('error', reject);
    const { stderr } = child;
    if (stderr === null) return;
    createInterface({ input: stderr }).on('line', (line) => {
      log.push(line);
      if (log.length > LOG_LINES) log.shift();
      if (!line.includes(READY)) return;
      const { xds } = JSON.parse(line) as { xds: number };
      resolve(new RunningControlPlane(child, xds, folder));
    });
  });
}

export class RunningControlPlane {
  constructor(
    private readonly child: ChildProcess,
    readonly xdsPort: number,
    private readonly folder: string,
  ) {}

  get pid(): number {
    return this.child.pid ?? 0;
  }

  /** Processor time so far, in ms. */
  cpuMs(): number {
    return exactCpuMs(this.pid);
  }

  residentMb(): number {
    return residentMb(this.pid);
  }

  async end(signal: NodeJS.Signals): Promise<void> {
    this.child.removeAllListeners('exit');
    children.delete(this.child);
    // Whoever has ended says so only once.
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    await new Promise<void>((resolve) => {
      this.child.once('exit', () => resolve());
      this.child.kill(signal);
    });
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** The process of the sidecars. */
export class FleetProcess {
  readonly #child: ChildProcess;

  constructor() {
    const program = fileURLToPath(new URL('./fleet.js', import.meta.url));
    this.#child = owned(
      fork(program, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'], execArgv: ['--max-old-space-size=6000'] }),
    );
    if (canPin) spawn('taskset', ['-a', '-p', '-c', String(OTHER_CPU), String(this.#child.pid)], { stdio: 'ignore' });
  }

  send(message: ToFleet): void {
    this.#child.send(message);
  }

  async report(detailed = false): Promise<FleetReport> {
    const answer = await this.#ask({ kind: 'report', detailed });
    if (answer.kind !== 'report') throw new Error('the sidecars answer something else');
    return answer.report;
  }

  /** Whether the sample has a resource that says this. */
  async says(typeUrl: string, name: string, text: string): Promise<boolean> {
    const answer = await this.#ask({ kind: 'ask', typeUrl, name, text });
    return answer.kind === 'answer' && answer.yes;
  }

  async certificates(order: CertificateOrder): Promise<CertificateReport> {
    const answer = await this.#ask({ kind: 'certificates', order });
    if (answer.kind !== 'certificates') throw new Error('the sidecars answer something else');
    return answer.certificates;
  }

  end(): void {
    this.#child.kill('SIGKILL');
  }

  #ask(message: ToFleet): Promise<FromFleet> {
    return new Promise((resolve, reject) => {
      const ended = (): void => reject(new Error('the process of the sidecars ended'));
      this.#child.once('exit', ended);
      this.#child.once('message', (answer: FromFleet) => {
        this.#child.off('exit', ended);
        resolve(answer);
      });
      this.#child.send(message);
    });
  }
}

/** The roots that the control plane publishes for its clients. */
export function rootsOf(api: ApiServer): string {
  const secret = api.get('api/v1/secrets', 'istio-system', 'weft-ca-secret');
  const data = secret?.['data'] as Readonly<Record<string, string>> | undefined;
  const encoded = data?.['ca-cert.pem'] ?? data?.['root-cert.pem'];
  if (encoded === undefined)
    throw new Error(`the control plane has made no root: ${Object.keys(data ?? {}).join(', ')}`);
  return Buffer.from(encoded, 'base64').toString('utf8');
}

function kubeconfigOf(server: string): object {
  return {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'bench', cluster: { server, 'insecure-skip-tls-verify': true } }],
    users: [{ name: 'bench', user: {} }],
    contexts: [{ name: 'bench', context: { cluster: 'bench', user: 'bench' } }],
    'current-context': 'bench',
  };
}

import { type ChildProcess, execFile, spawn, spawnSync } from 'node:child_process';

/** Where the control plane is installed, where injected pods run, and where pods without sidecars do. */
export const SYSTEM = 'istio-system';
export const MESH = 'weft-e2e';
export const PLAIN = 'weft-e2e-plain';

/** Says once why real pods cannot be had here: for `describe.skipIf(skipWithoutCluster())`. */
export function skipWithoutCluster(): boolean {
  const reason = whyNoCluster();
  if (reason !== undefined) process.stderr.write(`skipped: ${reason}\n`);
  return reason !== undefined;
}

function whyNoCluster(): string | undefined {
  if ((process.env['KUBECONFIG'] ?? '') === '') return 'KUBECONFIG is not set: real pods need a cluster';
  const nodes = spawnSync('kubectl', ['get', 'nodes', '-o', 'name', '--request-timeout=10s'], { encoding: 'utf8' });
  if (nodes.error !== undefined) return 'kubectl is not on the PATH';
  if (nodes.status !== 0) return `the cluster of KUBECONFIG does not answer: ${nodes.stderr.trim().split('\n').pop()}`;
  return nodes.stdout.trim() === '' ? 'the cluster of KUBECONFIG has no nodes, so it runs no pods' : undefined;
}

/** Runs a program to its end; rejects with what it said when it fails. */
export function run(program: string, args: readonly string[], input?: string, timeoutMs = 240_000): Promise<string> {
  return new Promise((resolve, reject) => {
    const options = { encoding: 'utf8' as const, maxBuffer: 64 << 20, timeout: timeoutMs };
    const child = execFile(program, args, options, (error, stdout, stderr) => {
      if (error === null) resolve(stdout);
      else reject(new Error(`${program} ${args.join(' ').slice(0, 200)}: ${stderr || error.message}`));
    });
    child.stdin?.on('error', () => undefined);
    child.stdin?.end(input ?? '');
  });
}

export function kubectl(...args: readonly string[]): Promise<string> {
  return run('kubectl', args);
}

/** A manifest, as a user applies it. */
export function apply(yaml: string, namespace = MESH): Promise<string> {
  return run('kubectl', ['apply', '-n', namespace, '-f', '-'], yaml);
}

export function remove(yaml: string, namespace = MESH): Promise<string> {
  return run('kubectl', ['delete', '-n', namespace, '--ignore-not-found', '--wait=false', '-f', '-'], yaml);
}

/** Waits for rollouts, one after the other. */
export async function rolledOut(namespace: string, ...workloads: readonly string[]): Promise<void> {
  for (const workload of workloads)
    await kubectl('rollout', 'status', '-n', namespace, workload, '--timeout=180s').catch(async (error: unknown) => {
      throw new Error(`${String(error)}\n${await kubectl('get', 'pods', '-n', namespace, '-o', 'wide')}`);
    });
}

/** Repeats until `probe` gives something; what it threw last is in the error. */
export async function until<T>(what: string, probe: () => Promise<T | undefined | false>, seconds = 90): Promise<T> {
  const deadline = Date.now() + seconds * 1000;
  let last = '';
  for (;;) {
    try {
      const found = await probe();
      if (found !== undefined && found !== false) return found;
    } catch (error) {
      last = String(error);
    }
    if (Date.now() > deadline) throw new Error(`${what} did not come within ${seconds} s. ${last}`);
    await pause(300);
  }
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

interface PodView {
  readonly metadata: { readonly name: string; readonly creationTimestamp: string; readonly deletionTimestamp?: string };
  readonly spec: { readonly nodeName: string };
  readonly status: {
    readonly podIP: string;
    readonly conditions?: readonly { type: string; status: string; lastTransitionTime: string }[];
  };
}

/** Pods of a label that are not going away. */
export async function pods(selector: string, namespace = MESH): Promise<readonly PodView[]> {
  const list = JSON.parse(await kubectl('get', 'pods', '-n', namespace, '-l', selector, '-o', 'json')) as {
    items: readonly PodView[];
  };
  return list.items.filter((pod) => pod.metadata.deletionTimestamp === undefined);
}

export async function onePod(selector: string, namespace = MESH): Promise<PodView> {
  const found = await pods(selector, namespace);
  const [pod] = found;
  if (pod === undefined) throw new Error(`no pod ${selector} in ${namespace}`);
  return pod;
}

/** What a page of a pod's proxy or of the control plane says, by its side ports. */
export async function page(namespace: string, target: string, container: string, url: string): Promise<string> {
  const script = `fetch(${JSON.stringify(url)}).then(async r=>process.stdout.write(await r.text()))`;
  return kubectl('exec', '-n', namespace, target, '-c', container, '--', 'node', '-e', script);
}

/** A child that lives until `stop`; its output is kept. */
export class Background {
  readonly #child: ChildProcess;
  readonly #out: Buffer[] = [];
  #err = '';
  readonly #ended: Promise<void>;

  constructor(program: string, args: readonly string[]) {
    this.#child = spawn(program, args, { stdio: ['pipe', 'pipe', 'pipe'] });
    this.#child.stdout?.on('data', (chunk: Buffer) => this.#out.push(chunk));
    this.#child.stderr?.on('data', (chunk: Buffer) => {
      this.#err += String(chunk);
    });
    this.#child.stdin?.on('error', () => undefined);
    this.#ended = new Promise((resolve) => this.#child.once('close', () => resolve()));
  }

  get stdout(): Buffer {
    return Buffer.concat(this.#out);
  }

  get stderr(): string {
    return this.#err;
  }

  /** Ends the input and waits for the end. */
  async finish(): Promise<Buffer> {
    this.#child.stdin?.end();
    await this.#ended;
    return this.stdout;
  }

  async kill(): Promise<void> {
    this.#child.kill('SIGTERM');
    await this.#ended;
  }
}

import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { freePorts } from '../../cli/demo/free-ports.js';
import { getText } from '../../cli/mesh/http.js';
import type { WorkloadListing } from '../../cli/mesh/workloads.js';
import { checkout, weft } from '../support/demo-process.js';
import { TestMesh } from '../support/mesh.js';

const entry = (name: string, app: string, version: string, port: number): string => `
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: { name: ${name}, namespace: default }
spec:
  address: 127.0.0.1
  ports: { http: ${port} }
  labels: { app: ${app}, version: ${version} }
  serviceAccount: bookinfo-${app}
`;

export interface Answer {
  readonly status: number;
  readonly body: string;
}

/** GET through a workload's sidecar as its HTTP proxy. */
export function get(via: WorkloadListing, url: string, headers: Record<string, string> = {}): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const call = request(
      { host: '127.0.0.1', port: via.sidecar?.outbound, path: url, headers: { host: new URL(url).host, ...headers } },
      (response) => {
        let body = '';
        response.on('data', (chunk: Buffer) => {
          body += chunk.toString();
        });
        response.on('end', () => resolve({ status: response.statusCode ?? 0, body }));
        response.on('error', reject);
      },
    );
    call.on('error', reject);
    call.end();
  });
}

/**
 * Bookinfo's productpage, reviews-v2 and ratings under STRICT mTLS. A real Envoy stands beside reviews-v2, as server
 * (productpage's sidecar, ours, calls it) and as client (reviews-v2 calls ratings, whose sidecar is ours).
 */
export class EnvoyBookinfo {
  readonly mesh = new TestMesh();
  private agentProcess: ChildProcess | undefined;
  private found: { productpage: WorkloadListing; reviews: WorkloadListing } | undefined;

  async start(envoy: string, controlPlaneArgs: readonly string[] = []): Promise<void> {
    const { mesh } = this;
    const [page = 0, reviewsPort = 0, ratingsPort = 0] = await freePorts(3);
    const samples = join(checkout, 'deploy', 'samples', 'bookinfo-local');
    const sample = (file: string): string => readFileSync(join(samples, file), 'utf8');
    const workloads = [
      entry('productpage-v1', 'productpage', 'v1', page),
      entry('reviews-v2', 'reviews', 'v2', reviewsPort),
      entry('ratings-v1', 'ratings', 'v1', ratingsPort),
    ];
    await mesh.start(
      {
        'services.yaml': sample('services.yaml'),
        'security.yaml': sample('security.yaml').replace('mode: PERMISSIVE', 'mode: STRICT'),
        'workloads.yaml': workloads.join('---'),
      },
      controlPlaneArgs,
    );
    const productpage = await mesh.startSidecar('productpage-v1');
    await mesh.startSidecar('ratings-v1');
    const reviews = await mesh.workload('reviews-v2');
    this.found = { productpage, reviews };
    this.application('reviews', 'v2', reviewsPort, reviews.sidecar?.outbound);
    this.application('ratings', 'v1', ratingsPort);
    await this.startAgent(envoy);
    await mesh.until('an answer through all three', async () => {
      const { status, body } = await get(productpage, 'http://reviews:9080/reviews/0');
      if (status !== 200) throw new Error(`${status} ${body}`);
    });
  }

  /** Starts the agent with its Envoy, and resolves when that is ready. */
  async startAgent(envoy: string): Promise<void> {
    const { mesh } = this;
    const args = [weft, 'agent', 'reviews-v2', '--state', mesh.state, '--envoy', envoy];
    this.agentProcess = mesh.spawn('agent', process.execPath, args);
    await mesh.until('Envoy', () => getText(`${this.envoyAdmin}/ready`));
  }

  get agent(): ChildProcess {
    if (this.agentProcess === undefined) throw new Error('not started');
    return this.agentProcess;
  }

  /** Has our sidecar. */
  get productpage(): WorkloadListing {
    if (this.found === undefined) throw new Error('not started');
    return this.found.productpage;
  }

  /** Has Envoy. */
  get reviews(): WorkloadListing {
    if (this.found === undefined) throw new Error('not started');
    return this.found.reviews;
  }

  /** Base URL. */
  get envoyAdmin(): string {
    return `http://127.0.0.1:${this.reviews.sidecar?.admin}`;
  }

  private application(service: string, version: string, port: number, proxy?: number): void {
    const env: Record<string, string> = proxy === undefined ? {} : { HTTP_PROXY: `http://127.0.0.1:${proxy}` };
    const args = [weft, 'bookinfo', '--service', service, '--service-version', version, '--port', String(port)];
    this.mesh.spawn(`app ${service}`, process.execPath, args, env);
  }
}

/** Runs a program to its end. */
export function run(
  program: string,
  args: readonly string[],
  env = process.env,
): Promise<{ code: number; out: string }> {
  return new Promise((resolve) => {
    const child = spawn(program, [...args], { stdio: ['ignore', 'pipe', 'pipe'], env });
    let out = '';
    const take = (chunk: Buffer): void => {
      out += chunk.toString();
    };
    child.stdout.on('data', take);
    child.stderr.on('data', take);
    child.on('close', (code) => resolve({ code: code ?? -1, out }));
  });
}

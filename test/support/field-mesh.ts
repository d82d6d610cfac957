import { Agent, request } from 'node:http';
import { EchoApp, type Seen } from './echo-app.js';
import { TestMesh } from './mesh.js';

/** A workload of a test: an echoing application with a sidecar. */
export interface FieldWorkload {
  readonly name: string;
  readonly namespace?: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly account?: string;
  /** False reaches the application as it is. */
  readonly sidecar?: boolean;
  /** Further fields of the WorkloadEntry, as flow YAML. */
  readonly extra?: string;
}

export interface Call {
  readonly host: string;
  readonly path?: string;
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** The workload whose sidecar is asked; the first one unless told otherwise. */
  readonly from?: string;
  /** Each on its own connection, which source-address hashing and limits can see. */
  readonly fresh?: boolean;
}

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  /** What the application saw, when one answered. */
  readonly seen: Seen | undefined;
  readonly tookMs: number;
}

/** Host that answers with the number of the case in force. */
export const MARKER = 'marker.test';

/** A mesh of echoing workloads under one control plane; `apply` puts configuration into force. */
export class FieldMesh {
  readonly mesh = new TestMesh();
  readonly apps = new Map<string, EchoApp>();
  private readonly agents = new Map<string, Agent>();
  private readonly outbound = new Map<string, number>();
  private version = 0;
  private first = '';

  /** The control plane and all sidecars, ready, with `initial` as the first case. */
  async start(
    workloads: readonly FieldWorkload[],
    files: Readonly<Record<string, string>> = {},
    initial = '',
    args: readonly string[] = [],
  ): Promise<this> {
    const [client] = workloads;
    if (client === undefined) throw new Error('no workload');
    this.first = client.name;
    for (const { name } of workloads) {
      const app = new EchoApp(name);
      await app.listen();
      this.apps.set(name, app);
    }
    const all = {
      'workloads.yaml': workloads.map((workload) => entryOf(workload, this.app(workload.name).port)).join('---\n'),
      ...files,
      'case.yaml': this.nextCase(initial),
    };
    await this.mesh.start(all, args);
    await Promise.all(workloads.filter(({ sidecar }) => sidecar !== false).map(({ name }) => this.startSidecar(name)));
    await this.apply(initial);
    return this;
  }

  /** One more workload with its sidecar, when the mesh is running. */
  async add(workload: FieldWorkload): Promise<void> {
    const app = new EchoApp(workload.name);
    await app.listen();
    this.apps.set(workload.name, app);
    this.mesh.write(`${workload.name}.yaml`, entryOf(workload, app.port));
    await this.mesh.until('the new workload', () => this.mesh.workload(workload.name));
    await this.startSidecar(workload.name);
  }

  private async startSidecar(name: string): Promise<void> {
    const { sidecar } = await this.mesh.startSidecar(name);
    this.outbound.set(name, sidecar?.outbound ?? 0);
    this.agents.set(name, new Agent({ keepAlive: true }));
  }

  app(name: string): EchoApp {
    const app = this.apps.get(name);
    if (app === undefined) throw new Error(`no application ${name}`);
    return app;
  }

  /** Replaces the case's configuration and resolves when every sidecar has it. Rejects when one refuses it. */
  async apply(yaml: string): Promise<void> {
    this.mesh.write('case.yaml', this.nextCase(yaml));
    const wanted = String(this.version);
    await this.mesh.until('the new configuration', async () => {
      const { body } = await this.call({ host: MARKER });
      if (body !== wanted) throw new Error(`the sidecar is at ${body}, not at ${wanted}`);
    });
    await this.mesh.until('every sidecar in sync', async () => {
      for (const proxy of await this.mesh.proxies()) {
        for (const [type, { status, lastNack }] of Object.entries(proxy.types)) {
          if (status !== 'SYNCED' && status !== 'NOT SENT') {
            throw new Error(`${proxy.workload} ${type} is ${status} ${lastNack?.reason ?? ''}`);
          }
        }
      }
    });
  }

  /** What the control plane says about the case; the marker's own object is sound. */
  findings(): ReturnType<TestMesh['findings']> {
    return this.mesh.findings();
  }

  private nextCase(yaml: string): string {
    this.version += 1;
    return `${markerOf(String(this.version))}---\n${yaml}`;
  }

  call(call: Call): Promise<Answer> {
    const from = call.from ?? this.first;
    const started = performance.now();
    return new Promise((resolve, reject) => {
      const sent = request(
        {
          host: '127.0.0.1',
          port: this.outbound.get(from),
          method: call.method ?? 'GET',
          path: call.path ?? '/',
          headers: { host: call.host, ...call.headers },
          agent: call.fresh === true ? false : this.agents.get(from),
        },
        (response) => {
          const chunks: Buffer[] = [];
          response.on('data', (chunk: Buffer) => chunks.push(chunk));
          response.on('error', reject);
          response.on('end', () => {
            const body = Buffer.concat(chunks).toString('utf8');
            const headers = Object.fromEntries(
              Object.entries(response.headers).map(([name, value]) => [name, String(value)]),
            );
            const seen = headers['x-from-app'] === undefined ? undefined : (JSON.parse(body) as Seen);
            resolve({ status: response.statusCode ?? 0, headers, body, seen, tookMs: performance.now() - started });
          });
        },
      );
      sent.on('error', reject);
      sent.end();
    });
  }

  /** How often each application answered so many calls; a failure counts under its status. */
  async shares(count: number, call: Call | ((i: number) => Call)): Promise<Record<string, number>> {
    const found: Record<string, number> = {};
    for (let i = 0; i < count; i += 20) {
      const batch = Array.from({ length: Math.min(20, count - i) }, (_, j) =>
        this.call(typeof call === 'function' ? call(i + j) : call),
      );
      for (const { seen, status } of await Promise.all(batch)) {
        const key = seen?.name ?? String(status);
        found[key] = (found[key] ?? 0) + 1;
      }
    }
    return found;
  }

  async dispose(): Promise<void> {
    for (const agent of this.agents.values()) agent.destroy();
    for (const app of this.apps.values()) app.close();
    await this.mesh.dispose();
  }
}

function entryOf(workload: FieldWorkload, port: number): string {
  const { name, namespace = 'default', labels, account = name, extra = '' } = workload;
  const annotations = workload.sidecar === false ? ', annotations: {sidecar.istio.io/inject: "false"}' : '';
  return `apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: {name: ${name}, namespace: ${namespace}${annotations}}
spec:
  address: 127.0.0.1
  ports: {http: ${port}}
  serviceAccount: ${account}
  labels: ${JSON.stringify(labels)}
${extra === '' ? '' : `  ${extra}\n`}`;
}

function markerOf(version: string): string {
  return `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: marker}
spec:
  hosts: [${MARKER}]
  http:
    - directResponse: {status: 200, body: {string: "${version}"}}
`;
}

/** A ServiceEntry for the workloads with the label `app`. */
export function serviceOf(name: string, namespace = 'default'): string {
  return `apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: ${name}, namespace: ${namespace}}
spec:
  hosts: [${name}.${namespace}.svc.cluster.local]
  location: MESH_INTERNAL
  resolution: STATIC
  ports: [{number: 80, name: http, protocol: HTTP}]
  workloadSelector: {labels: {app: ${name}}}
`;
}

function nameOf(host: string): string {
  return `for-${host.replace(/[^a-z]+/g, '-')}x`;
}

/** A VirtualService of the host `shop`; `http` is flow YAML, a list of routes. */
export function routes(http: string, host = 'shop'): string {
  return `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: ${nameOf(host)}}
spec: {hosts: ["${host}"], http: ${http}}
`;
}

export function rule(spec: string, host = 'shop'): string {
  return `apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: ${nameOf(host)}}
spec: {host: "${host}", ${spec}}
`;
}

/** Subsets v1 and v2 of `shop`, as every split needs them. */
export const SUBSETS: string = rule('subsets: [{name: v1, labels: {version: v1}}, {name: v2, labels: {version: v2}}]');

/** The ConfigMap with the mesh's settings, as flow YAML. */
export function meshConfig(settings: string): string {
  return `apiVersion: v1
kind: ConfigMap
metadata: {name: istio, namespace: istio-system}
data:
  mesh: |
    {${settings}}
`;
}

/** Objects as one file. */
export function all(...objects: readonly string[]): string {
  return objects.join('---\n');
}

import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePorts } from '../../../cli/demo/free-ports.js';
import { getText } from '../../../cli/mesh/http.js';
import { meshConfig, serviceOf } from '../../support/field-mesh.js';
import { TestMesh } from '../../support/mesh.js';
import { exchange, type RawRequest, type RawResult } from '../../support/raw-client.js';
import { type Answer, answer, type ReceivedRequest, ScriptedUpstreams } from '../../support/scripted-upstream.js';

/** Which sidecar a request is given to: the client's as its HTTP proxy, or the server's in plaintext. */
export type Entry = 'client' | 'server';

export interface PairExchange extends RawRequest {
  readonly to?: Entry;
  readonly answers?: readonly Answer[];
}

export type LogLine = Readonly<Record<string, string | number | null>>;

export interface PairResult extends RawResult {
  /** What reached the application. */
  readonly received: readonly ReceivedRequest[];
}

/** Two workloads, `client` and `shop`, each with a sidecar process, and an application of raw sockets behind `shop`. */
export class SidecarPair {
  readonly mesh = new TestMesh();
  readonly app = new ScriptedUpstreams();
  readonly ports = { outbound: 0, inbound: 0, app: 0, clientAdmin: 0, shopAdmin: 0, tcp: 0 };
  private logRead = 0;

  get logFile(): string {
    return join(this.mesh.folder, 'access.json');
  }

  /** The configuration folder; `extra` is further YAML. */
  async files(extra = ''): Promise<Record<string, string>> {
    const [app = 0, tcp = 0] = await freePorts(2);
    Object.assign(this.ports, { app, tcp });
    await this.app.listen('app', app);
    await this.app.listen('tcp', tcp);
    return {
      'workloads.yaml': [workload('client', {}), workload('shop', { http: app, tcp })].join('---\n'),
      'services.yaml': `${serviceOf('shop')}---\n${tcpService()}`,
      'settings.yaml': meshConfig(`accessLogFile: ${this.logFile}, accessLogEncoding: JSON`),
      ...(extra === '' ? {} : { 'extra.yaml': extra }),
    };
  }

  async start(extra = '', args: readonly string[] = []): Promise<this> {
    await this.mesh.start(await this.files(extra), args);
    const [client, shop] = await Promise.all([this.mesh.startSidecar('client'), this.mesh.startSidecar('shop')]);
    this.ports.outbound = client.sidecar?.outbound ?? 0;
    this.ports.clientAdmin = client.sidecar?.admin ?? 0;
    this.ports.inbound = shop.sidecar?.inbound[this.ports.app] ?? 0;
    this.ports.shopAdmin = shop.sidecar?.admin ?? 0;
    await this.mesh.until('the first answer', async () => {
      const { responses } = await this.run({ send: ['GET /warm HTTP/1.1\r\nHost: shop\r\n\r\n'] });
      if (!responses[0]?.start.includes('200')) throw new Error(String(responses[0]?.start));
    });
    await this.log(0);
    return this;
  }

  async run(request: PairExchange): Promise<PairResult> {
    const answers = request.answers ?? [answer(200, 'ok')];
    this.app.reset((_request, index) => answers[index] ?? answers.at(-1) ?? answer(200));
    const result = await exchange(this.ports[request.to === 'server' ? 'inbound' : 'outbound'], request);
    return { ...result, received: [...this.app.received] };
  }

  /** Access-log lines of both sidecars since the last call, at least so many. */
  async log(count: number): Promise<LogLine[]> {
    const lines: LogLine[] = [];
    return this.mesh.until(
      `${count} lines of the access log`,
      async () => {
        await Promise.allSettled([this.reopen(this.ports.clientAdmin), this.reopen(this.ports.shopAdmin)]);
        const text = existsSync(this.logFile) ? readFileSync(this.logFile, 'utf8').slice(this.logRead) : '';
        const end = text.lastIndexOf('\n') + 1;
        this.logRead += end;
        for (const line of text.slice(0, end).split('\n')) if (line !== '') lines.push(JSON.parse(line) as LogLine);
        if (lines.length < count) throw new Error(`there are ${lines.length}: ${JSON.stringify(lines)}`);
        return lines;
      },
      5_000,
    );
  }

  private async reopen(port: number): Promise<void> {
    await fetch(`http://127.0.0.1:${port}/reopen_logs`, { method: 'POST' });
  }

  admin(side: 'client' | 'shop', path: string): Promise<string> {
    return getText(`http://127.0.0.1:${side === 'client' ? this.ports.clientAdmin : this.ports.shopAdmin}${path}`);
  }

  async dispose(): Promise<void> {
    this.app.close();
    await this.mesh.dispose();
  }
}

function workload(name: string, ports: Readonly<Record<string, number>>): string {
  return `apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: {name: ${name}-v1}
spec: {address: 127.0.0.1, ports: ${JSON.stringify(ports)}, serviceAccount: ${name}, labels: {app: ${name}, version: v1}}
`.replace(`${name}-v1}`, `${name}}`);
}

function tcpService(): string {
  return `apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: db}
spec:
  hosts: [db.default.svc.cluster.local]
  location: MESH_INTERNAL
  resolution: STATIC
  ports: [{number: 5432, name: tcp, protocol: TCP}]
  workloadSelector: {labels: {app: shop}}
`;
}

/** A request without a body. */
export function get(path = '/', ...headers: string[]): string {
  return head(`GET ${path} HTTP/1.1`, 'Host: shop', ...headers);
}

/** Lines of a head and its end. */
export function head(...lines: string[]): string {
  return `${lines.join('\r\n')}\r\n\r\n`;
}

export function fieldOf(
  message: { readonly headers: readonly (readonly [string, string])[] } | undefined,
  name: string,
): string | undefined {
  return message?.headers.find(([key]) => key.toLowerCase() === name)?.[1];
}

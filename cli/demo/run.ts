import { mkdirSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { systemClock } from '../../common/runtime/clock.js';
import { messageOf } from '../../common/runtime/errors.js';
import { weftProgram } from '../installation.js';
import { DEMO_HOME } from '../mesh/locate.js';
import { whenUnread } from '../output/pipe.js';
import { Children } from './children.js';
import { prepareSampleFolder } from './config-folder.js';
import { ControlPlaneView } from './control-plane-view.js';
import { acquireHome } from './home.js';
import { HopTracker } from './hops.js';
import { LogFiles } from './log-files.js';
import { OwnAddresses } from './own-addresses.js';
import { createScreen, type Screen, type ScreenKind } from './screen.js';
import type { DemoState } from './state.js';
import { TrafficSource } from './traffic.js';
import { Workloads } from './workloads.js';

export interface DemoOptions {
  /** Undefined runs the sample. */
  readonly configFolder?: string;
  readonly home: string;
  /** Undefined runs until a signal. */
  readonly durationMs: number | undefined;
  readonly visitsPerSecond: number;
  readonly screen: ScreenKind;
  readonly certTtlSeconds: number;
}

const UPDATE_MS = 1000;
const START_TIMEOUT_MS = 60_000;

/**
 * Runs the demo: control plane, then for every workload its application (where it is the sample's) and its sidecar, then
 * traffic. Resolves with the exit code: 0 only if no request failed that the configuration did not ask to fail.
 */
export async function runDemo(options: DemoOptions): Promise<number> {
  const demo = new Demo(options);
  const stopped = new Promise<'signal'>((done) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => done('signal'));
    whenUnread(() => done('signal'));
  });
  try {
    const started = await Promise.race([demo.start().then(() => 'started' as const), stopped]);
    if (started === 'started') await Promise.race([demo.run(), stopped]);
    return await demo.finish();
  } finally {
    await demo.stop();
  }
}

class Demo {
  private readonly screen: Screen;
  private logs: LogFiles | undefined;
  private readonly children: Children;
  private readonly hops = new HopTracker();
  private readonly traffic: TrafficSource;
  private readonly configFolder: string;
  private readonly stateFolder: string;
  private readonly releaseHome: () => void;
  private readonly controlPlane: ControlPlaneView;
  private readonly workloads: Workloads;
  private startedAt = 0;
  private controlPlaneWasUp = false;
  /** The last line of a control plane that ended before it was ever up: starting it again would not help. */
  private refused: string | undefined;
  private lastLine = '';
  private readonly toldElsewhere = new Set<string>();
  private polling = false;
  private ended = false;

  constructor(private readonly options: DemoOptions) {
    const home = resolve(options.home);
    mkdirSync(home, { recursive: true });
    this.releaseHome = acquireHome(home);
    this.stateFolder = join(home, 'state');
    this.configFolder = options.configFolder === undefined ? join(home, 'config') : resolve(options.configFolder);
    this.screen = createScreen(options.screen, process.stdout);
    this.children = new Children(weftProgram(), systemClock, {
      onLine: (child, line) => this.onLine(child, line),
      onDown: (child, reason) => this.onDown(child, reason),
      onUp: () => {},
    });
    this.controlPlane = new ControlPlaneView(this.stateFolder);
    this.workloads = new Workloads(this.children, this.controlPlane, this.stateFolder, new OwnAddresses(systemClock));
    this.traffic = new TrafficSource(
      { visitsPerSecond: options.visitsPerSecond, url: 'http://productpage:9080/productpage' },
      systemClock,
      Math.random,
    );
  }

  async start(): Promise<void> {
    if (this.options.configFolder === undefined) {
      const existed = await prepareSampleFolder(this.configFolder);
      this.screen.notice(
        existed
          ? `Using ${this.configFolder} as you left it.`
          : `Wrote the sample's configuration to ${this.configFolder}.`,
      );
    }
    this.screen.notice('Starting the control plane …');
    rmSync(join(this.stateFolder, 'control-plane.json'), { force: true });
    this.children.start({
      name: 'control-plane',
      args: [
        'control-plane',
        '--config',
        this.configFolder,
        '--state',
        this.stateFolder,
        '--cert-ttl',
        `${this.options.certTtlSeconds}s`,
      ],
    });
    await this.until('the control plane', () => this.controlPlane.ready());
    if (this.ended) return;
    this.controlPlaneWasUp = true;
    await this.workloads.reconcile();
    this.tellElsewhere();
    const { length } = this.workloads.names;
    if (length === 0)
      this.screen.notice(`No workload yet: a WorkloadEntry in ${this.configFolder} says where each one listens.`);
    else {
      this.screen.notice(
        `Starting ${length === 1 ? 'one workload' : `${length} workloads`}, each with a sidecar of its own …`,
      );
      await this.until('every sidecar', () => this.workloads.allReady());
    }
    if (this.ended) return;
    const proxy = this.workloads.trafficProxyUrl();
    if (proxy !== undefined) this.traffic.start(proxy);
    else if (length > 0) this.screen.notice(this.ownTraffic());
    this.startedAt = systemClock.monotonic();
    this.hops.begin(this.startedAt);
    for (const line of this.help()) this.screen.notice(line);
  }

  /** Shows the state once a second, until the duration is over (for ever without one). */
  run(): Promise<void> {
    return new Promise((done) => {
      const tick = setInterval(() => {
        const over = this.options.durationMs !== undefined && this.elapsed() >= this.options.durationMs;
        if (over || this.ended) {
          clearInterval(tick);
          done();
        } else if (!this.polling) void this.refresh();
      }, UPDATE_MS);
    });
  }

  /** Lets the last requests end, counts once more, and says how it went. */
  async finish(): Promise<number> {
    this.ended = true;
    if (this.startedAt === 0) return 0;
    await this.traffic.stop();
    await this.refresh();
    const { asked, unasked } = this.hops.failures();
    const unanswered = this.traffic.totals().byStatus[0] ?? 0;
    const verdict =
      unasked + unanswered === 0
        ? 'no request failed that the configuration did not ask to fail'
        : `${unasked + unanswered} requests failed`;
    this.screen.notice(
      `${this.hops.requests()} requests in ${(this.elapsed() / 1000).toFixed(0)} s: ${verdict}${asked > 0 ? ` (${asked} failed as configured)` : ''}.`,
    );
    if (this.options.screen === 'json') this.screen.update(this.state());
    return unasked + unanswered === 0 ? 0 : 1;
  }

  async stop(): Promise<void> {
    this.ended = true;
    this.screen.close();
    await this.children.stopAll();
    this.releaseHome();
  }

  private elapsed(): number {
    return systemClock.monotonic() - this.startedAt;
  }

  private async refresh(): Promise<void> {
    this.polling = true;
    try {
      await this.workloads.reconcile();
      this.tellElsewhere();
      const proxy = this.workloads.trafficProxyUrl();
      if (proxy !== undefined && !this.ended) this.traffic.start(proxy);
      await this.hops.poll(this.workloads.admins(), systemClock.monotonic());
      if (!this.ended) this.screen.update(this.state());
    } catch (error) {
      this.screen.notice(messageOf(error));
    } finally {
      this.polling = false;
    }
  }

  /** Names each workload that is on no address of this machine, once. */
  private tellElsewhere(): void {
    for (const { name, address } of this.workloads.elsewhere) {
      if (this.toldElsewhere.has(name)) continue;
      this.toldElsewhere.add(name);
      this.screen.notice(
        `${name} is elsewhere: ${address} is no address of this machine, so nothing is started for it.`,
      );
    }
  }

  private state(): DemoState {
    return {
      time: new Date(systemClock.now()).toISOString(),
      elapsedMs: Math.round(this.elapsed()),
      requests: this.hops.requests(),
      failures: this.hops.failures(),
      hops: this.hops.current(),
      down: this.children.down(),
      findings: this.controlPlane.findings(),
      configFolder: this.configFolder,
      productPage: this.workloads.productPageUrl() ?? '',
      help: this.help(),
    };
  }

  private help(): string[] {
    const page = this.workloads.productPageUrl();
    const state = resolve(this.options.home) === resolve(DEMO_HOME) ? '' : ` --state ${this.stateFolder}`;
    const [any = 'WORKLOAD', ...others] = this.workloads.names;
    const workload = [any, ...others].find((name) => name === 'productpage-v1') ?? any;
    const first = this.options.configFolder === undefined ? join(this.configFolder, 'routes.yaml') : this.configFolder;
    return [
      `Configuration: ${this.configFolder} — edit ${first} and watch it take effect within a second.`,
      `Dashboard: ${this.controlPlane.dashboardUrl()}`,
      ...(page === undefined ? [] : [`Product page: ${page}`]),
      `Elsewhere: npx weft proxy-status${state}, npx weft proxy-config routes ${workload}${state}, npx weft analyze DIR. Ctrl-C ends everything.`,
    ];
  }

  /** What to do about traffic in a folder that has not the sample's source. */
  private ownTraffic(): string {
    const proxy = this.workloads.anyProxyUrl();
    return proxy === undefined
      ? 'No workload named "traffic", so no traffic by itself.'
      : `No workload named "traffic", so no traffic by itself. Send some through a sidecar: curl -x ${proxy} http://HOST:PORT/`;
  }

  private onDown(child: string, reason: string): void {
    if (child === 'control-plane' && !this.controlPlaneWasUp) this.refused = this.lastLine || reason;
    else this.screen.notice(`${child} is down (${reason}); it starts again in two seconds`);
  }

  private onLine(child: string, line: string): void {
    this.logs ??= new LogFiles(this.stateFolder);
    this.logs.write(child, line);
    if (child === 'control-plane') this.lastLine = logMessage(line).replace(/^weft: /, '');
    if (child === 'control-plane' && !line.startsWith('{')) this.screen.notice(line);
    else if (/"level":(50|60)/.test(line)) this.screen.notice(`${child}: ${logMessage(line)}`);
  }

  private async until(what: string, ready: () => Promise<boolean>): Promise<void> {
    const deadline = systemClock.monotonic() + START_TIMEOUT_MS;
    while (!(await ready())) {
      if (this.ended) return;
      if (this.refused !== undefined) throw new Error(`the control plane does not start: ${this.refused}`);
      if (systemClock.monotonic() > deadline) {
        const down = this.children.down();
        throw new Error(
          `${what} did not come up within ${START_TIMEOUT_MS / 1000} s${down.length > 0 ? `; down: ${down.join(', ')}` : ''}`,
        );
      }
      await new Promise<void>((done) => setTimeout(done, 100));
    }
  }
}

/** The message of a JSON log line, or the line itself. */
function logMessage(line: string): string {
  try {
    const { msg, err } = JSON.parse(line) as { msg?: string; err?: { message?: string } };
    return [msg, err?.message].filter((part) => part !== undefined).join(': ') || line;
  } catch {
    return line;
  }
}

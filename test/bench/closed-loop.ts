import type { Kind } from './bootstrap.js';
import { Contender, type MakeBootstrap } from './contender.js';
import { type Figure, type FigureSpec, type Target, toFigures } from './figures.js';
import type { LoadReady, LoadReport } from './load/closed-loop.js';
import type { LoadOrder } from './load/http1.js';
import { type Side, startOrientation } from './orientation.js';
import { LoadProcess } from './processes.js';
import { inTurns } from './rounds.js';
import type { Context } from './scenario.js';

type Key = 'cpu' | 'rps' | 'p50' | 'p99' | 'resident' | 'anonymous' | 'proportional';

/** Targets of the figures that every scenario in a closed loop has. */
export type ClosedLoopTargets = Partial<Record<Key, readonly Target[]>>;

/** Drives one side for so long and says what it cost. */
export async function sampleOf(
  context: Context,
  contender: Side,
  drive: () => Promise<LoadReport>,
): Promise<Record<Key, number>> {
  const before = contender.cpuMicros();
  const report = await drive();
  contender.check();
  if (report.requests === 0) throw new Error(`${contender.name} answered no request`);
  context.countErrors(report.errors);
  const { residentMb, anonymousMb, proportionalMb } = contender.memory();
  const cpu = (contender.cpuMicros() - before) / report.requests;
  const rps = report.requests / report.seconds;
  context.say(`${contender.name}: ${cpu.toFixed(1)} µs CPU per request, ${rps.toFixed(0)} requests/s`);
  return {
    ...{ cpu, rps, p50: report.p50, p99: report.p99 },
    ...{ resident: residentMb, anonymous: anonymousMb, proportional: proportionalMb },
  };
}

/** The rows of a scenario in a closed loop. */
export function closedLoopSpecs(targets: ClosedLoopTargets): Record<Key, FigureSpec> {
  const spec = (key: Key, row: Omit<FigureSpec, 'targets'>): FigureSpec => ({ ...row, targets: targets[key] ?? [] });
  return {
    cpu: spec('cpu', { label: 'CPU per request', unit: 'µs', better: 'less', digits: 1 }),
    rps: spec('rps', { label: 'requests per second', unit: '', better: 'more', digits: 0 }),
    p50: spec('p50', { label: 'p50', unit: 'ms', better: 'less', digits: 2 }),
    p99: spec('p99', { label: 'p99', unit: 'ms', better: 'less', digits: 2 }),
    resident: spec('resident', { label: 'resident', unit: 'MB', better: 'less', digits: 0 }),
    anonymous: spec('anonymous', { label: '  anonymous', unit: 'MB', better: 'less', digits: 0 }),
    proportional: spec('proportional', { label: '  proportional', unit: 'MB', better: 'less', digits: 0 }),
  };
}

/** Kinds of `wanted` that can be measured here: without an Envoy ours alone. */
export function kindsHere(context: Context, wanted: readonly Kind[]): Kind[] {
  return wanted.filter((kind) => kind === 'weft' || context.envoy !== undefined);
}

type Load<Order> = LoadProcess<Order, LoadReport, LoadReady>;

export interface ClosedLoop<Order> {
  /** The module of the load generator, which has the application too. */
  readonly load: string;
  readonly kinds: readonly Kind[];
  readonly chain: readonly MakeBootstrap[];
  readonly order: (port: number, ms: number) => Order;
  readonly targets: ClosedLoopTargets;
  /** Also plain proxies that are installed here, for orientation. */
  readonly orientation?: boolean;
}

/** Clients that ask again as soon as they are answered. */
export async function closedLoop<Order>(context: Context, options: ClosedLoop<Order>): Promise<Figure[]> {
  const { kinds, chain, order, targets } = options;
  const load: Load<Order> = await LoadProcess.start(options.load);
  context.defer(() => load.stop());
  const contenders: Side[] = [];
  for (const kind of kindsHere(context, kinds)) {
    contenders.push(await Contender.start(context, { kind, chain, application: load.ready.port }));
  }
  if (options.orientation === true) contenders.push(...(await startOrientation(context, load.ready.port)));
  const rounds = await inTurns(context, contenders, (contender, ms) =>
    sampleOf(context, contender, () => load.run(order(contender.port, ms))),
  );
  return toFigures(rounds, closedLoopSpecs(targets));
}

/** HTTP/1.1 connections. */
export function http1Order(connections: number): (port: number, ms: number) => LoadOrder {
  return (port, ms) => ({ port, connections, ms });
}

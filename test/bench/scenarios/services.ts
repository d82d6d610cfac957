import { join } from 'node:path';
import { kindsHere } from '../closed-loop.js';
import { BenchControlPlane } from '../configuration/control-plane.js';
import { type DynamicOptions, DynamicSidecar } from '../configuration/dynamic-sidecar.js';
import { type Folder, hostOf, moveEndpoint, SERVICE_PORT, writeServices } from '../configuration/many-services.js';
import type { Figure, Target } from '../figures.js';
import { Worker } from '../jobs.js';
import { inTurns } from '../rounds.js';
import type { Context, Scenario } from '../scenario.js';

const MANY = 10_000;
const SMOKE_MANY = 100;
const FEW = 10;
const CONNECTIONS = 32;
const SMALL_BYTES = 1024;
const MOST_STARTS = 3;
const SETTLE_MS = 3000;
const MOST_SETTLE_MS = 30_000;
/** Of all sides in {@link SETTLE_MS}. */
const IDLE_MICROS = 60_000;
const CHANGES = 30;
const CHANGE_EVERY_MS = 500;

type Values = Record<string, number[]>;

interface Mesh {
  readonly folder: Folder;
  readonly controlPlane: BenchControlPlane;
}

const after = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
/** With the port, as an application names a service that has not port 80. */
const authority = (service: number): string => `${hostOf(service)}:${SERVICE_PORT}`;

async function startMesh(context: Context, services: number, port: number): Promise<Mesh> {
  const folder = { path: join(context.folder, `services-${services}`), services, port, clients: ['weft', 'envoy'] };
  writeServices(folder);
  return { folder, controlPlane: await BenchControlPlane.start(context, folder.path) };
}

/** Starts each side several times and returns those that were started last, with the times of all. */
async function startAll(
  context: Context,
  sides: readonly DynamicOptions[],
): Promise<{ running: DynamicSidecar[]; served: Values }> {
  const served: Values = {};
  const running: DynamicSidecar[] = [];
  for (const side of sides) {
    // The control plane translates for who comes first.
    if (!context.smoke) await (await DynamicSidecar.start(context, side)).stop();
    const times: number[] = [];
    let sidecar = await DynamicSidecar.start(context, side);
    times.push(sidecar.servedMs);
    while (times.length < Math.min(context.rounds, MOST_STARTS)) {
      await sidecar.stop();
      sidecar = await DynamicSidecar.start(context, side);
      times.push(sidecar.servedMs);
    }
    served[side.name] = times;
    running.push(sidecar);
    context.say(`${side.name}: serves after ${times.map((ms) => ms.toFixed(0)).join(', ')} ms`);
  }
  return { running, served };
}

/** What a start leaves to do is no part of a change. */
async function untilIdle(sidecars: readonly DynamicSidecar[]): Promise<void> {
  const sum = (): number => sidecars.reduce((total, sidecar) => total + sidecar.cpuMicros(), 0);
  for (let waited = 0; waited < MOST_SETTLE_MS; waited += SETTLE_MS) {
    const before = sum();
    await after(SETTLE_MS);
    if (sum() - before < IDLE_MICROS) return;
  }
}

async function changes(context: Context, { folder }: Mesh, sidecars: readonly DynamicSidecar[]): Promise<Values> {
  const cpu = (): number[] => sidecars.map((sidecar) => sidecar.exactCpuMs());
  const count = context.smoke ? 1 : CHANGES;
  const before = cpu();
  await after(count * CHANGE_EVERY_MS);
  const between = cpu();
  for (let change = 1; change <= count; change++) {
    moveEndpoint(folder, change);
    await after(CHANGE_EVERY_MS);
  }
  const end = cpu();
  return Object.fromEntries(
    sidecars.map(({ name }, index) => {
      const idle = (between[index] ?? 0) - (before[index] ?? 0);
      const busy = (end[index] ?? 0) - (between[index] ?? 0);
      const each = Math.max(0, busy - idle) / count;
      context.say(
        `${name}: ${each.toFixed(2)} ms CPU per changed endpoint, ${(idle / count).toFixed(2)} without a change`,
      );
      return [name, [each]];
    }),
  );
}

const atMost = (against: string, ratioAtMost: number): Target => ({ against, ratioAtMost });

export const services: Scenario = {
  name: 'services',
  title: '10,000 services of three endpoints from the control plane by delta ADS; "-10" has ten of them',
  run: async (context) => {
    const worker = await Worker.start(context);
    const port = await worker.run('serve bytes everywhere', SMALL_BYTES);
    const many = await startMesh(context, context.smoke ? SMOKE_MANY : MANY, port);
    const few = await startMesh(context, FEW, port);
    const kinds = kindsHere(context, ['weft', 'envoy']);
    const options = ({ controlPlane }: Mesh, suffix: string): DynamicOptions[] =>
      kinds.map((kind) => ({
        ...{ name: `${kind}${suffix}`, kind, controlPlane, workload: kind === 'weft' ? 'weft' : 'envoy' },
        host: authority(1),
      }));
    const large = await startAll(context, options(many, ''));
    if (!context.smoke) await untilIdle(large.running);
    const anonymous = Object.fromEntries(large.running.map((side) => [side.name, [side.memory().anonymousMb]]));
    const resident = Object.fromEntries(large.running.map((side) => [side.name, [side.memory().residentMb]]));
    const moved = await changes(context, many, large.running);
    const small = await startAll(context, options(few, '-10'));
    const smallAnonymous = Object.fromEntries(
      small.running.map((side, index) => [kinds[index] ?? side.name, [side.memory().anonymousMb]]),
    );
    const hosts = Array.from({ length: FEW - 1 }, (_, index) => authority(index + 1));
    const rounds = await inTurns(context, [...large.running, ...small.running], async (sidecar, ms) => {
      const before = sidecar.cpuMicros();
      const report = await worker.run('hosts', { port: sidecar.port, connections: CONNECTIONS, hosts, ms });
      sidecar.check();
      context.countErrors(report.errors);
      const cpu = (sidecar.cpuMicros() - before) / report.requests;
      context.say(`${sidecar.name}: ${cpu.toFixed(1)} µs CPU per request`);
      return { cpu };
    });
    const cpu: Values = Object.fromEntries(
      Object.entries(rounds).map(([name, samples]) => [name, samples.map((sample) => sample.cpu)]),
    );
    const smallServed = Object.fromEntries(kinds.map((kind) => [kind, small.served[`${kind}-10`] ?? []]));
    return figures(
      { anonymous, smallAnonymous, resident, served: large.served, smallServed, moved, cpu },
      many.folder.services,
    );
  },
};

type Measured = Readonly<
  Record<'anonymous' | 'smallAnonymous' | 'resident' | 'served' | 'smallServed' | 'moved' | 'cpu', Values>
>;

function figures(measured: Measured, services: number): Figure[] {
  const { anonymous, smallAnonymous, resident, served, smallServed, moved, cpu } = measured;
  const less = { better: 'less' as const };
  return [
    {
      ...less,
      label: 'anonymous memory',
      unit: 'MB',
      digits: 0,
      services,
      values: anonymous,
      targets: [atMost('envoy', 0.15)],
    },
    { ...less, label: '  of those with ten services', unit: 'MB', digits: 0, services: FEW, values: smallAnonymous },
    { ...less, label: 'resident', unit: 'MB', digits: 0, values: resident },
    { ...less, label: 'start to first answer', unit: 'ms', digits: 0, values: served, targets: [atMost('envoy', 0.5)] },
    {
      ...{ ...less, label: '  with ten services', unit: 'ms', digits: 0, values: smallServed },
      targets: [{ absoluteAtMost: 300 }, atMost('envoy', 4)],
    },
    {
      ...{ ...less, label: 'CPU of one changed endpoint', unit: 'ms', digits: 2, values: moved },
      targets: [atMost('envoy', 0.5)],
    },
    { ...less, label: 'CPU per request', unit: 'µs', digits: 1, values: cpu, targets: [atMost('weft-10', 1.1)] },
  ];
}

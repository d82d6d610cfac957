import { TYPE } from '../../../common/xds/type-urls.js';
import { nowMs } from '../control-plane/fleet-messages.js';
import type { MeshSize } from '../control-plane/objects.js';
import { podAddress, podName } from '../control-plane/objects.js';
import { pause, quantile, type Spread, World } from '../control-plane/world.js';
import type { Figure, Target } from '../figures.js';
import type { Context, Scenario } from '../scenario.js';

const SIZE: MeshSize = { services: 1000, podsPerService: 2, namespaces: 20 };
const SMOKE: MeshSize = { services: 24, podsPerService: 1, namespaces: 6 };
/** Their sidecars know their own namespace only; everybody else knows the whole mesh. */
const NARROW = ['team-4', 'team-5'];
const MEMORY_MB = 600;
const CHANGES = 15;
const ROUTE_CHANGES = 4;
const CHURN_MS = 30_000;
/** A pod of 2,000 lives for 17 minutes. */
const PODS_PER_SECOND = 2;
const CERTIFICATES_MS = 6000;

function figure(label: string, unit: string, values: readonly number[], target?: Target, digits = 0): Figure {
  const better = target !== undefined && 'absoluteAtLeast' in target ? 'more' : 'less';
  return { label, unit, better, digits, values: { weft: values }, ...(target && { targets: [target] }) };
}

const sizeOf = ({ smoke }: Context): MeshSize => (smoke ? SMOKE : SIZE);

/** Whoever hears of a change must be whom it concerns, and those must all hear of it. */
function checkHearers({ heard }: Spread, expected: number, what: string): void {
  if (heard.length !== expected) throw new Error(`${what}: ${heard.length} sidecars heard of it, not ${expected}`);
}

async function changes(context: Context): Promise<Figure[]> {
  const size = sizeOf(context);
  const world = await World.start(context, size, NARROW);
  const nodes = world.nodes();
  const firstMs = await world.connect(nodes);
  context.say(`${nodes.length} sidecars served within ${firstMs.toFixed(0)} ms, ${world.peakMb.toFixed(0)} MB at most`);
  const wide = nodes.filter(({ namespace }) => !NARROW.includes(namespace)).length;
  const own = nodes.filter(({ namespace }) => namespace === world.mesh.namespaceOf(3)).length;
  await pause(1000);
  const endpoints: Spread[] = [];
  for (let i = 0; i < (context.smoke ? 2 : CHANGES); i++) {
    const spread = await world.change(() => world.mesh.toggleEndpoint(3, i % 2 === 0));
    checkHearers(spread, wide, 'an endpoint changed');
    context.say(
      `endpoint: the last of ${wide} after ${Math.max(...spread.times).toFixed(0)} ms, ${spread.cpuMs.toFixed(0)} ms CPU`,
    );
    endpoints.push(spread);
  }
  const routes = async (exportTo: '.' | '*', expected: number): Promise<Spread[]> => {
    const spreads: Spread[] = [];
    for (let i = 0; i < (context.smoke ? 1 : ROUTE_CHANGES); i++) {
      const spread = await world.change(() => void world.mesh.changeRoute(3, exportTo));
      checkHearers(spread, expected, `a VirtualService for ${exportTo} changed`);
      const megabytes = (spread.bytes / 1e6).toFixed(0);
      context.say(
        `route ${exportTo}: the last of ${expected} after ${Math.max(...spread.times).toFixed(0)} ms, ${megabytes} MB`,
      );
      spreads.push(spread);
    }
    return spreads;
  };
  const local = await routes('.', own);
  const everywhere = await routes('*', wide);
  const last = (spread: Spread): number => Math.max(...spread.times);
  const p99 = (spreads: readonly Spread[]): number =>
    quantile(
      spreads.flatMap(({ times }) => times),
      0.99,
    );
  return [
    figure('first configuration of all sidecars', 'ms', [firstMs]),
    figure('one endpoint changes: acknowledged, p99', 'ms', [p99(endpoints)], { absoluteAtMost: 500 }),
    figure('  by the last of them', 'ms', endpoints.map(last)),
    figure(
      '  CPU',
      'ms',
      endpoints.map(({ cpuMs }) => cpuMs),
    ),
    figure('a VirtualService of one namespace changes: acknowledged, p99', 'ms', [p99(local)], {
      absoluteAtMost: 2000,
    }),
    figure(
      '  sidecars that hear of it',
      '',
      local.map(({ heard }) => heard.length),
      { absoluteAtMost: own },
    ),
    figure('a VirtualService for all changes: acknowledged, p99', 'ms', [p99(everywhere)], { absoluteAtMost: 2000 }),
    figure('memory', 'MB', [world.peakMb], { absoluteAtMost: MEMORY_MB }),
  ];
}

async function churn(context: Context): Promise<Figure[]> {
  const world = await World.start(context, sizeOf(context), NARROW);
  const nodes = world.nodes();
  await world.connect(nodes);
  await pause(1000);
  const cpu = world.controlPlane.cpuMs();
  const start = nowMs();
  const until = start + (context.smoke ? 1000 : CHURN_MS);
  let replaced = 0;
  while (nowMs() < until) {
    await pause(Math.max(0, start + (replaced * 1000) / PODS_PER_SECOND - nowMs()));
    const { gone, come } = world.mesh.replacePod();
    world.fleet.send({
      kind: 'replace',
      gone: `${world.mesh.namespaceOf(gone.service)}/${podName(gone)}`,
      node: world.nodeOf(come),
    });
    replaced++;
    await world.look();
  }
  const cores = (world.controlPlane.cpuMs() - cpu) / (nowMs() - start);
  const { lost, lastLoss } = await world.look();
  if (lost > 0) throw new Error(`${lost} streams broke: ${lastLoss}`);
  const { gone, come } = world.mesh.replacePod(6);
  await pause(context.smoke ? 1500 : 5000);
  const name = `outbound|80||${world.mesh.hostOf(6)}`;
  if (!(await world.fleet.says(TYPE.endpoint, name, podAddress(come)))) {
    throw new Error(`the sample has not heard that ${podName(come)} came for ${podName(gone)}`);
  }
  context.say(`${replaced} pods replaced, ${cores.toFixed(2)} cores`);
  return [
    figure(`${PODS_PER_SECOND} pods a second replaced: CPU`, 'cores', [cores], { absoluteAtMost: 1 }, 2),
    figure('  memory', 'MB', [world.peakMb], { absoluteAtMost: MEMORY_MB }),
  ];
}

async function restart(context: Context): Promise<Figure[]> {
  const world = await World.start(context, sizeOf(context), NARROW);
  const nodes = world.nodes();
  await world.connect(nodes);
  await pause(1000);
  world.fleet.send({ kind: 'stop' });
  await world.replaceControlPlane();
  const tookMs = await world.connect(nodes);
  context.say(
    `${nodes.length} sidecars served again within ${tookMs.toFixed(0)} ms, ${world.peakMb.toFixed(0)} MB at most`,
  );
  return [
    figure('all sidecars reconnect at once: until all are served', 's', [tookMs / 1000], { absoluteAtMost: 20 }, 1),
    figure('  memory', 'MB', [world.peakMb], { absoluteAtMost: MEMORY_MB }),
  ];
}

/** The same sidecars, in a mesh of ten times the services. */
async function growth(context: Context): Promise<Figure[]> {
  const cost = async (services: number): Promise<number> => {
    const world = await World.start(context, { services, podsPerService: 1, namespaces: 20 });
    await world.connect(world.nodes().slice(0, context.smoke ? 4 : 40));
    await pause(context.smoke ? 200 : 2000);
    const costs: number[] = [];
    for (let i = 0; i < (context.smoke ? 2 : CHANGES); i++) {
      costs.push((await world.change(() => world.mesh.toggleEndpoint(3, i % 2 === 0))).cpuMs);
    }
    context.say(
      `${services} services: ${quantile(costs, 0.5).toFixed(0)} ms CPU for an endpoint, ${world.controlPlane.residentMb().toFixed(0)} MB`,
    );
    await world.end();
    return quantile(costs, 0.5);
  };
  const few = await cost(context.smoke ? 20 : 1000);
  const many = await cost(context.smoke ? 200 : 10_000);
  return [
    figure('CPU of one endpoint change at 1,000 services', 'ms', [few]),
    figure('  at 10,000 services', 'ms', [many]),
    figure('  10,000 against 1,000', '', [many / few], { absoluteAtMost: 1.3 }, 2),
  ];
}

async function certificates(context: Context): Promise<Figure[]> {
  const world = await World.start(context, SMOKE);
  const order = { address: world.address, ca: world.ca, workloads: 64, connections: 4, parallel: 8 };
  await world.fleet.certificates({ ...order, forMs: context.smoke ? 100 : 2000 });
  const rates: number[] = [];
  for (let i = 0; i < (context.smoke ? 1 : 3); i++) {
    const cpu = world.controlPlane.cpuMs();
    const report = await world.fleet.certificates({ ...order, forMs: context.smoke ? 300 : CERTIFICATES_MS });
    context.countErrors(report.failed);
    if (report.failed > 0) context.say(report.lastFailure);
    rates.push((report.issued * 1000) / (world.controlPlane.cpuMs() - cpu));
  }
  return [figure('certificates issued per second and core', '', rates, { absoluteAtLeast: 1500 })];
}

const scenario = (name: string, title: string, run: Scenario['run']): Scenario => ({
  name: `control-plane-${name}`,
  title,
  run,
});

/** `control-plane` means all of them. */
export const controlPlane: readonly Scenario[] = [
  scenario('changes', '1,000 services, 2,000 sidecars: from a change to its acknowledgement', changes),
  scenario('churn', '1,000 services, 2,000 sidecars: pods come and go', churn),
  scenario('restart', '1,000 services, 2,000 sidecars: all connect again at once', restart),
  scenario('growth', '40 sidecars: one endpoint changes among 1,000 and among 10,000 services', growth),
  scenario('certificates', 'certificates by the CA’s gRPC service', certificates),
];

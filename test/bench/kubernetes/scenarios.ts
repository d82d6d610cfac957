import { type ClosedLoopTargets, closedLoopSpecs } from '../closed-loop.js';
import { type Figure, toFigures } from '../figures.js';
import { inTurns } from '../rounds.js';
import type { Context, Scenario } from '../scenario.js';
import { PLAIN_CLIENT, PORT, type Side } from './manifests.js';
import { PodLoad, usageOf } from './pods.js';

interface Shape {
  readonly name: string;
  readonly title: string;
  readonly sides: readonly string[];
  /** Whether the client has a sidecar as well. */
  readonly mesh: boolean;
  readonly connections: number;
  readonly targets: ClosedLoopTargets;
}

/** Processors are shared with whatever else runs on the nodes, so what is promised is processor time alone. */
const SHAPES: readonly Shape[] = [
  {
    name: 'relay',
    title:
      "a pod without a sidecar to one with: plain HTTP/1.1 through the server's sidecar, 32 connections, 1 KiB answers",
    sides: ['weft', 'envoy'],
    mesh: false,
    connections: 32,
    targets: { cpu: [{ against: 'envoy', ratioAtMost: 0.7 }] },
  },
  {
    name: 'mesh',
    title: "from pod to pod through the client's and the server's sidecar over mTLS, 32 connections, 1 KiB answers",
    sides: ['weft', 'envoy', 'envoy-h2'],
    mesh: true,
    connections: 32,
    targets: {
      cpu: [
        { against: 'envoy', ratioAtMost: 0.4 },
        { against: 'envoy-h2', ratioAtMost: 0.6 },
      ],
    },
  },
  {
    name: 'mesh-4',
    title: "from pod to pod through the client's and the server's sidecar over mTLS, 4 connections, 1 KiB answers",
    sides: ['weft', 'envoy-h2'],
    mesh: true,
    connections: 4,
    targets: { cpu: [{ against: 'envoy-h2', ratioAtMost: 0.65 }] },
  },
];

export const NAMES: readonly { readonly name: string; readonly title: string }[] = SHAPES;

/** The scenarios over sides whose pods run. */
export function podScenarios(sides: readonly Side[]): Scenario[] {
  return SHAPES.map((shape) => ({
    name: shape.name,
    title: shape.title,
    run: (context) =>
      measure(
        context,
        shape,
        sides.filter(({ name }) => shape.sides.includes(name)),
      ),
  }));
}

interface Running {
  readonly name: string;
  readonly load: PodLoad;
  readonly proxies: readonly string[];
}

async function measure(context: Context, shape: Shape, sides: readonly Side[]): Promise<Figure[]> {
  const running: Running[] = [];
  for (const { name } of sides) {
    const [client, server] = [`${name}-client`, `${name}-server`];
    const load = await PodLoad.start(shape.mesh ? client : PLAIN_CLIENT);
    context.defer(() => load.stop());
    running.push({ name, load, proxies: shape.mesh ? [client, server] : [server] });
  }
  const rounds = await inTurns(context, running, async ({ name, load, proxies }, ms) => {
    const host = `${name}-server`;
    const before = await usageOf(proxies);
    const { connections } = shape;
    const report = await load.run({ host, port: PORT, authority: `${host}:${PORT}`, connections, ms });
    const after = await usageOf(proxies);
    if (report.requests === 0) throw new Error(`${name} answered no request`);
    context.countErrors(report.errors);
    const cpu = (after.cpuMicros - before.cpuMicros) / report.requests;
    const rps = report.requests / report.seconds;
    context.say(`${name}: ${cpu.toFixed(1)} µs CPU per request, ${rps.toFixed(0)} requests/s`);
    const { residentMb: resident, anonymousMb: anonymous, proportionalMb: proportional } = after;
    return { ...{ cpu, rps, p50: report.p50, p99: report.p99 }, ...{ resident, anonymous, proportional } };
  });
  return toFigures(rounds, closedLoopSpecs(shape.targets));
}

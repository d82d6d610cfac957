import type { Command } from 'commander';
import type { BypassState, MeshState } from '../../common/observe/mesh-state.js';
import type { Workloads } from '../../common/observe/workload.js';
import { UsageError } from '../command.js';
import { changeInterventions, untilTaken } from '../history/store.js';
import { bypassText } from '../history/text.js';
import { type MeshAccess, openMesh } from '../mesh/access.js';
import { type MeshOptions, meshOptions } from '../mesh/options.js';
import { parseDurationOption } from '../output/duration.js';
import { type OutputFormat, parseOutputFormat, print } from '../output/print.js';
import { askApi } from '../stat/ask.js';

interface Options extends MeshOptions {
  readonly output: OutputFormat;
  readonly mtls?: false;
  readonly for?: number;
  readonly lift?: true;
}

type Target = Pick<BypassState, 'namespace' | 'workload'>;

/** `weft bypass`: the kill switch. */
export function configure(command: Command): void {
  meshOptions(command, 'namespace of the workload, where its name is in several')
    .argument(
      '[target]',
      'a NAMESPACE, or a WORKLOAD as NAME, NAME.NAMESPACE or NAMESPACE/NAME; none lists what is bypassed',
    )
    .option('--keep-mtls', 'mTLS goes on as PeerAuthentication has it; this is the default')
    .option('--no-mtls', 'accept plaintext too, and be called in plaintext')
    .option('--for <time>', 'end by itself after this time', parseDurationOption)
    .option('--lift', 'follow the configuration again')
    .option('-o, --output <format>', 'table, json or yaml', parseOutputFormat, 'table')
    .addHelpText(
      'after',
      `
Sidecars become plain pass-through, as servers and as clients: no routes, faults, retries and no authorization, whatever the
objects say. Policies do NOT protect these workloads meanwhile. It stays so over restarts, until it is lifted. Gateways go on.
In a cluster this takes the Role weft-operator of the control plane's namespace (docs/observability.md), and is told in Events.

Examples:
  weft bypass reviews-v1.default --for 30m
  weft bypass bookinfo --no-mtls
  weft bypass bookinfo --lift
  weft bypass`,
    )
    .action(async (text: string | undefined, options: Options) => {
      const mesh = await openMesh(options);
      if (text === undefined) {
        const state = await askApi<MeshState>(mesh, '/api/state', {});
        print(options.output, state.bypasses, () => listed(state));
        return;
      }
      const target = await targetOf(mesh, text, options);
      const id = await changeInterventions(options, ({ rollback, bypasses }, by) => {
        const others = bypasses.filter((one) => !isTarget(one, target));
        if (options.lift === true && others.length === bypasses.length) {
          throw new UsageError(`${text} is not bypassed; weft bypass lists what is`);
        }
        const added = options.lift === true ? [] : [bypassOf(target, options, by)];
        return { ...(rollback !== undefined && { rollback }), bypasses: [...others, ...added] };
      });
      const state = await untilTaken(mesh, id);
      print(options.output, state.bypasses, () =>
        options.lift === true ? `Lifted.\n${listed(state)}` : listed(state),
      );
    });
}

function bypassOf(target: Target, options: Options, by: string): BypassState {
  const time = Date.now();
  const end = options.for === undefined ? {} : { until: time + options.for };
  return { ...target, mtls: options.mtls !== false, time, by, ...end };
}

function isTarget({ namespace, workload }: BypassState, target: Target): boolean {
  return namespace === target.namespace && workload === target.workload;
}

function listed({ bypasses }: MeshState): string {
  return bypasses.length === 0 ? 'Nothing is bypassed.' : bypasses.map(bypassText).join('\n');
}

/** What is bypassed already may be named though it is gone. */
async function targetOf(mesh: MeshAccess, text: string, { namespace, lift }: Options): Promise<Target> {
  const [{ workloads }, { bypasses }] = await Promise.all([
    askApi<Workloads>(mesh, '/api/workloads', {}),
    askApi<MeshState>(mesh, '/api/state', {}),
  ]);
  const known: Target[] = [
    ...workloads.flatMap((one) => [
      { namespace: one.namespace },
      { namespace: one.namespace, workload: one.name },
      { namespace: one.namespace, workload: one.node.split('/').at(-1) ?? one.name },
    ]),
    ...(lift === true ? bypasses : []),
  ];
  const means = (one: Target): boolean =>
    one.workload === undefined
      ? one.namespace === text
      : [one.workload, `${one.workload}.${one.namespace}`, `${one.namespace}/${one.workload}`].includes(text) &&
        (namespace === undefined || namespace === one.namespace);
  const found = [
    ...new Map(
      known
        .filter(means)
        .map(({ namespace: at, workload }) => [
          `${at}/${workload ?? ''}`,
          { namespace: at, ...(workload !== undefined && { workload }) },
        ]),
    ).values(),
  ];
  const [first] = found;
  if (first === undefined) {
    const names = [...new Set(workloads.flatMap((one) => [one.namespace, `${one.namespace}/${one.name}`]))].sort();
    throw new UsageError(`there is no namespace or workload ${text}; there are: ${names.join(', ') || 'none'}`);
  }
  if (found.length > 1) {
    const names = found.map(({ namespace: at, workload }) =>
      workload === undefined ? `namespace ${at}` : `${at}/${workload}`,
    );
    throw new UsageError(`"${text}" may be ${names.join(' or ')}: say NAMESPACE/NAME, or --namespace`);
  }
  return first;
}

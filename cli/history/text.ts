import type { Changes } from '../../common/observe/changes.js';
import type { BypassState, DifferingObject, MeshState } from '../../common/observe/mesh-state.js';
import { formatTable } from '../output/table.js';

/** The versions as a table, newest first, with what stands above the objects. */
export function historyText({ versions }: Changes, state: MeshState, wide: boolean): string {
  // The same objects are the same version, so that one may be there more than once.
  const current = versions.findIndex(({ version }) => version === state.version);
  const rows = versions.map(({ version, time, objects, acknowledged, refused, proxies }, index) => [
    index === current ? `${version} *` : version,
    new Date(time).toISOString().replace('T', ' ').slice(0, 19),
    `${acknowledged}/${proxies}${refused > 0 ? `, ${refused} refuse it` : ''}`,
    objects.length === 0
      ? 'as it was found'
      : summary(
          objects.map(({ kind, namespace, name, change }) => `${SIGNS[change]} ${kind} ${namespace}/${name}`),
          wide,
        ),
  ]);
  return [formatTable(['VERSION', 'TIME (UTC)', 'PROXIES', 'CHANGES'], rows), ...stateLines(state)].join('\n');
}

const SIGNS = { added: '+', modified: '~', removed: '-' } as const;
const SHORTEST = 3;

function summary(all: readonly string[], wide: boolean): string {
  if (wide || all.length <= SHORTEST) return all.join(', ');
  return `${all.slice(0, SHORTEST).join(', ')} and ${all.length - SHORTEST} more`;
}

/** What somebody should know who wonders why objects have no effect. */
export function stateLines({ rollback, bypasses }: MeshState): string[] {
  return [
    ...(rollback === undefined
      ? []
      : [
          '',
          `ROLLED BACK to ${rollback.version} by ${rollback.by} at ${new Date(rollback.time).toISOString()}; \`weft resume\` follows the objects again.`,
          ...differenceLines(rollback.differs),
        ]),
    ...bypasses.map((bypass) => `BYPASS of ${bypassText(bypass)}`),
  ];
}

export function differenceLines(differs: readonly DifferingObject[]): string[] {
  if (differs.length === 0) return ['The objects are as they were in that version.'];
  const verbs = { added: 'is new', modified: 'is another', removed: 'is gone' };
  return [
    'What the cluster or folder has otherwise:',
    ...differs.map(({ kind, namespace, name, change }) => `  ${kind} ${namespace}/${name} ${verbs[change]} there`),
  ];
}

export function bypassText({ namespace, workload, mtls, until, by }: BypassState): string {
  const what = workload === undefined ? `namespace ${namespace}` : `${workload}.${namespace}`;
  const end = until === undefined ? '' : `, until ${new Date(until).toISOString()}`;
  return `${what}: plain pass-through, ${mtls ? 'mTLS kept' : 'no mTLS'}${end}, asked for by ${by}`;
}

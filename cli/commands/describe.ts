import type { Command } from 'commander';
import type { AppliedObject, DescribedFinding, Description } from '../../common/observe/describe.js';
import type { Graph } from '../../common/observe/graph.js';
import type { Workloads } from '../../common/observe/workload.js';
import { UsageError } from '../command.js';
import { openMesh } from '../mesh/access.js';
import { type MeshOptions, meshOptions } from '../mesh/options.js';
import { print } from '../output/print.js';
import { askApi, tellNotes } from '../stat/ask.js';
import { nodesNamed } from '../stat/target.js';
import { outputOptions, show, type WatchOptions } from '../stat/watch.js';

const KINDS = {
  pod: 'pod',
  po: 'pod',
  workload: 'workload',
  deploy: 'workload',
  deployment: 'workload',
  service: 'service',
  svc: 'service',
} as const;
type Kind = (typeof KINDS)[keyof typeof KINDS];
interface Options extends MeshOptions, WatchOptions {}

/** `weft describe`: what applies to a pod, a workload or a service, and why. */
export function configure(command: Command): void {
  outputOptions(meshOptions(command))
    .argument('<kind>', 'pod, workload or service; or KIND/NAME, as in deploy/reviews-v1')
    .argument('[name]', 'NAME, NAME.NAMESPACE or NAMESPACE/NAME')
    .addHelpText(
      'after',
      `
Lists routes, destination rules, policies, mTLS mode and gateways that act on it, where each stands, and what is wrong with them.

Examples:
  weft describe service reviews
  weft describe pod reviews-v1-6b4f8d-x2x4b -n bookinfo
  weft describe deploy/reviews-v1 -n bookinfo
  weft describe workload productpage-v1 -o json`,
    )
    .action(async (first: string, second: string | undefined, options: Options) => {
      const { kind, name } = subject(first, second);
      const mesh = await openMesh(options);
      await show(options, async () => {
        const node = await nodeOf(mesh, kind, name, options.namespace);
        const description = await askApi<Description>(mesh, '/api/describe', { node });
        tellNotes(description.notes);
        print(options.output, description, () => text(description, options.output === 'wide'));
      });
    });
}

/** `KIND NAME` or `KIND/NAME`. */
function subject(first: string, second: string | undefined): { readonly kind: Kind; readonly name: string } {
  const slash = first.indexOf('/');
  const [word, name] =
    second === undefined && slash > 0 ? [first.slice(0, slash), first.slice(slash + 1)] : [first, second];
  const kind = Object.hasOwn(KINDS, word) ? KINDS[word as keyof typeof KINDS] : undefined;
  if (kind === undefined) throw new UsageError(`"${word}" is none of ${Object.keys(KINDS).join(', ')}`);
  if (name === undefined || name === '') throw new UsageError(`say which ${kind}: weft describe ${word} NAME`);
  return { kind, name };
}

async function nodeOf(
  mesh: Parameters<typeof askApi>[0],
  kind: Kind,
  name: string,
  namespace: string | undefined,
): Promise<string> {
  if (kind === 'pod') {
    const { workloads } = await askApi<Workloads>(mesh, '/api/workloads', { namespace });
    const pod = workloads.find((one) =>
      [one.name, `${one.name}.${one.namespace}`, `${one.namespace}/${one.name}`].includes(name),
    );
    if (pod === undefined) {
      throw new UsageError(
        `there is no pod ${name}; there are: ${workloads.map((one) => one.name).join(', ') || 'none'}`,
      );
    }
    return pod.node;
  }
  const [node] = nodesNamed(await askApi<Graph>(mesh, '/api/graph', { namespace }), { level: kind, name }, namespace);
  return node?.id ?? '';
}

function text({ kind, name, namespace, facts, objects, findings }: Description, wide: boolean): string {
  const width = Math.max(...facts.map((fact) => fact.name.length));
  return [
    `${kind} ${name}.${namespace}`,
    ...facts.map((fact) => `  ${fact.name.padEnd(width)}  ${fact.value || '-'}`),
    '',
    objects.length === 0 ? 'No configuration acts on it: defaults apply.' : 'What acts on it:',
    ...objects.flatMap((object) => objectText(object, wide)),
    '',
    findings.length === 0 ? 'Nothing is wrong with it.' : 'What is wrong:',
    ...findings.map(findingText),
  ].join('\n');
}

const SHORTEST = 3;

function objectText({ kind, namespace, name, file, line, why, effects }: AppliedObject, wide: boolean): string[] {
  const place = file === undefined ? '' : ` (${file}:${line ?? 1})`;
  const shown = wide ? effects : effects.slice(0, SHORTEST);
  const left = effects.length - shown.length;
  return [
    `  ${kind} ${namespace}/${name}${place}: ${why}`,
    ...shown.map((effect) => `    ${effect}`),
    ...(left > 0 ? [`    and ${left} more: -o wide`] : []),
  ];
}

function findingText({ level, code, object, file, line, message }: DescribedFinding): string {
  const place = file === undefined ? object : `${file}:${line ?? 1}`;
  return `  ${level} [${code}] ${place}: ${message}`;
}

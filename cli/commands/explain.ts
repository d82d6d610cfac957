import type { Command } from 'commander';
import type { Explanation } from '../../common/observe/explanation.js';
import { openMesh } from '../mesh/access.js';
import { type MeshOptions, meshOptions } from '../mesh/options.js';
import { type OutputFormat, parseOutputFormat, print } from '../output/print.js';
import { firstAnswer, tellNotes } from '../stat/ask.js';

interface Options extends MeshOptions {
  readonly output: OutputFormat;
  readonly method: string;
  readonly header?: readonly string[];
}

/** `weft explain`: what would become of a request. */
export function configure(command: Command): void {
  meshOptions(command)
    .argument('<from>', 'the workload that would send it: NAME, NAME.NAMESPACE or NAMESPACE/NAME')
    .argument('<url>', 'such as http://reviews:9080/x')
    .option('-X, --method <name>', 'method of the request', 'GET')
    .option('-H, --header <line>', '"NAME: VALUE"; may be given several times', (line: string, all: string[] = []) => [
      ...all,
      line,
    ])
    .option('-o, --output <format>', 'table, wide, json or yaml', parseOutputFormat, 'table')
    .addHelpText(
      'after',
      `
Nothing is sent: the matchers of the sidecars that would meet the request say what they would do with it.

Examples:
  weft explain productpage-v1 http://reviews:9080/reviews/0 -H 'end-user: jason'
  weft explain bookinfo/productpage-v1 http://ratings:9080/ratings/1 -X POST -o json`,
    )
    .action(async (from: string, url: string, options: Options) => {
      const mesh = await openMesh(options);
      const name = options.namespace !== undefined && !/[/.]/.test(from) ? `${options.namespace}/${from}` : from;
      const query = new URLSearchParams({ from: name, url, method: options.method });
      for (const line of options.header ?? []) query.append('header', line);
      const answer = await firstAnswer(mesh, (replica) => replica.get(`/api/explain?${query}`));
      const explanation = JSON.parse(answer) as Explanation;
      tellNotes(explanation.notes);
      print(options.output, explanation, () => text(explanation));
    });
}

const SIGNS = { ok: ' ', refused: 'x', note: '!' } as const;

function text({ verdict, summary, steps }: Explanation): string {
  const lines: string[] = [];
  let last = '';
  for (const { proxy, side, what, outcome, title, detail, objects } of steps) {
    if (last !== proxy) lines.push('', `${side === 'client' ? 'Client' : 'Server'}’s sidecar, ${proxy}:`);
    last = proxy;
    lines.push(`  ${SIGNS[outcome]} ${what.padEnd(13)} ${title}`);
    if (detail !== '') lines.push(`${' '.repeat(18)}${detail}`);
    for (const { kind, namespace, name } of objects) lines.push(`${' '.repeat(18)}${kind} ${namespace}/${name}`);
  }
  return [`${verdict.toUpperCase()}: ${summary}`, ...lines].join('\n');
}

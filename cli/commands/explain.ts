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
    .argument(
      '<from>',
      'the workload that would send it: NAME, NAME.NAMESPACE or NAMESPACE/NAME; gateway/NAME for a client of a gateway',
    )
    .argument('<url>', 'such as http://reviews:9080/x, https://example.com/ or tcp://db:3306')
    .option('-X, --method <name>', 'method of the request', 'GET')
    .option('-H, --header <line>', '"NAME: VALUE"; may be given several times', (line: string, all: string[] = []) => [
      ...all,
      line,
    ])
    .option('-o, --output <format>', 'table, wide, json or yaml', parseOutputFormat, 'table')
    .addHelpText(
      'after',
      `
Nothing is sent: the matchers of the proxies that would meet the request say what they would do with it, step by step: listener and
filter chain (in a pod by the address that the service's name stands for), route, fault, subset, retries, TLS and authorization.
A sidecar does not look into https:// and tcp://: it relays them. A gateway ends TLS where its Gateway says so.

Examples:
  weft explain productpage-v1 http://reviews:9080/reviews/0 -H 'end-user: jason'
  weft explain gateway/istio-ingressgateway https://bookinfo.example.com/productpage -n istio-system
  weft explain ratings-v1 tcp://ratings-db:9042
  weft explain bookinfo/productpage-v1 http://ratings:9080/ratings/1 -X POST -o json`,
    )
    .action(async (from: string, url: string, options: Options) => {
      const mesh = await openMesh(options);
      const [, gateway = '', workload = ''] = /^(gateway\/)?(.*)$/s.exec(from) ?? [];
      const place = options.namespace !== undefined && !/[/.]/.test(workload) ? `${options.namespace}/` : '';
      const name = `${gateway}${place}${workload}`;
      const query = new URLSearchParams({ from: name, url, method: options.method });
      for (const line of options.header ?? []) query.append('header', line);
      const answer = await firstAnswer(mesh, (replica) => replica.get(`/api/explain?${query}`));
      const explanation = JSON.parse(answer) as Explanation;
      tellNotes(explanation.notes);
      print(options.output, explanation, () => text(explanation));
    });
}

const SIGNS = { ok: ' ', refused: 'x', note: '!' } as const;

const PROXIES = { client: 'Client’s sidecar', gateway: 'Gateway', server: 'Server’s sidecar' } as const;

function text({ verdict, summary, steps }: Explanation): string {
  const lines: string[] = [];
  let last = '';
  for (const { proxy, side, what, outcome, title, detail, objects } of steps) {
    if (last !== proxy) lines.push('', `${PROXIES[side]}, ${proxy}:`);
    last = proxy;
    lines.push(`  ${SIGNS[outcome]} ${what.padEnd(13)} ${title}`);
    if (detail !== '') lines.push(`${' '.repeat(18)}${detail}`);
    for (const { kind, namespace, name } of objects) lines.push(`${' '.repeat(18)}${kind} ${namespace}/${name}`);
  }
  return [`${verdict.toUpperCase()}: ${summary}`, ...lines].join('\n');
}

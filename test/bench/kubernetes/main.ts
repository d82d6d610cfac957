import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { Command, InvalidArgumentError } from 'commander';
import { messageOf } from '../../../common/runtime/errors.js';
import { kubectl, rolledOut, run as runProgram, SYSTEM } from '../../e2e/cluster.js';
import { type Result, run } from '../run.js';
import { formatFigures } from '../table.js';
import { manifests, NAMESPACE, PLAIN_CLIENT, SIDES, type Side } from './manifests.js';
import { inProxy } from './pods.js';
import { NAMES, podScenarios } from './scenarios.js';

interface Options {
  readonly rounds: number;
  readonly seconds: number;
  readonly image?: string;
  readonly envoyImage: string | false;
  readonly keep?: boolean;
  readonly json?: string;
  readonly smoke?: boolean;
}

const SMOKE = { rounds: 1, seconds: 0.5 };

function positive(text: string): number {
  const value = Number(text);
  if (!(value > 0)) throw new InvalidArgumentError('A number above 0.');
  return value;
}

function chosen(text: string, others: string[] = []): string[] {
  if (!NAMES.some(({ name }) => name === text))
    throw new InvalidArgumentError(`There are: ${NAMES.map(({ name }) => name).join(', ')}.`);
  return [...others, text];
}

/** The image of the control plane, which has Node. */
async function installedImage(): Promise<string> {
  const path = 'jsonpath={.spec.template.spec.containers[0].image}';
  try {
    return await kubectl('get', 'deploy', 'weft-control-plane', '-n', SYSTEM, '-o', path);
  } catch (error) {
    throw new Error(`Weft must be installed in ${SYSTEM} (weft install | kubectl apply): ${messageOf(error).trim()}`);
  }
}

async function start(sides: readonly Side[], image: string): Promise<void> {
  await runProgram('kubectl', ['apply', '-f', '-'], JSON.stringify(manifests(sides, image)));
  const names = sides.flatMap(({ name }) => [`${name}-client`, `${name}-server`]);
  await rolledOut(NAMESPACE, ...[PLAIN_CLIENT, ...names].map((name) => `deploy/${name}`)).catch((error: unknown) => {
    throw new Error(
      `the pods do not become ready; Envoy's image is made by \`node bin/images.mjs --envoy --load\`, or left out by --no-envoy-image: ${messageOf(error)}`,
    );
  });
}

/** Such as `2 processors, 15.6 GiB (Kubernetes v1.36.3, …)`: of the node on which the pods run. */
async function describe(sides: readonly Side[]): Promise<string> {
  const node = await kubectl('get', 'pods', '-n', NAMESPACE, '-o', 'jsonpath={.items[0].spec.nodeName}');
  const { status } = JSON.parse(await kubectl('get', 'node', node, '-o', 'json')) as {
    status: { capacity: { cpu: string }; nodeInfo: { kubeletVersion: string; kernelVersion: string } };
  };
  const ours = (await inProxy('weft-server', 'node', '--version')).trim();
  const envoy = sides.some(({ image }) => image !== undefined)
    ? (await inProxy('envoy-server', 'envoy', '--version')).match(/\/(\d+\.\d+\.\d+[^/]*)\/[^/]*\/([^/]*)\//)
    : null;
  if (envoy !== null && envoy[2] !== 'RELEASE') throw new Error(`Envoy is a ${envoy[2]} build: no fair opponent`);
  const { kubeletVersion, kernelVersion } = status.nodeInfo;
  return `Kubernetes ${kubeletVersion}, node with ${status.capacity.cpu} processors that everything shares, kernel ${kernelVersion}, Node ${ours}${envoy === null ? '' : `, Envoy ${envoy[1]}`}`;
}

async function bench(names: readonly string[], options: Options): Promise<void> {
  const image = options.image ?? (await installedImage());
  const { envoyImage } = options;
  const sides = SIDES.flatMap((side): Side[] => {
    if (side.name === 'weft') return [{ ...side, image: undefined }];
    return envoyImage === false ? [] : [{ ...side, image: envoyImage }];
  });
  const say = (line: string): void => void process.stderr.write(`${line}\n`);
  // Also when it is interrupted.
  if (options.keep !== true) process.once('exit', remove);
  try {
    await start(sides, image);
    const machine = await describe(sides);
    const date = new Date().toISOString();
    process.stdout.write(`${machine}, ${date.slice(0, 10)}\n`);
    const smoke = options.smoke === true;
    const { rounds, seconds } = smoke ? SMOKE : options;
    const results: Result[] = [];
    for (const scenario of podScenarios(sides)) {
      if (names.length > 0 && !names.includes(scenario.name)) continue;
      const programs = { node: '', nodeMajor: 0, envoy: undefined, fortio: undefined };
      const result = await run(scenario, { ...programs, rounds, roundMs: seconds * 1000, smoke, say });
      results.push(result);
      process.stdout.write(`\n${scenario.title}\n${formatFigures(scenario.name, result.figures)}\n`);
      if (options.json !== undefined)
        writeFileSync(options.json, `${JSON.stringify({ date, machine, rounds, seconds, results }, null, 2)}\n`);
    }
    const errors = results.reduce((sum, result) => sum + result.errors, 0);
    if (errors > 0) throw new Error(`${errors} requests failed`);
  } finally {
    process.off('exit', remove);
    if (options.keep !== true) remove();
  }
}

function remove(): void {
  spawnSync('kubectl', ['delete', 'namespace', NAMESPACE, '--ignore-not-found', '--wait=false'], { stdio: 'ignore' });
}

const listed = NAMES.map(({ name, title }) => `  ${name.padEnd(16)} ${title}`).join('\n');

/** `npm run bench -- --kubernetes`. */
export const kubernetesBench: Command = new Command('bench --kubernetes')
  .description('What a request costs between real pods: our sidecar, and a real Envoy in its place, in turns.')
  .argument('[scenario...]', 'which of the scenarios below (default: all)', chosen)
  .option('--kubernetes', 'this')
  .option('--rounds <n>', 'rounds of each side', positive, 7)
  .option('--seconds <n>', 'length of a round', positive, 4)
  .option('--image <image>', 'has Node, for load generator and application (default: the control plane’s)')
  .option('--envoy-image <image>', 'sidecar with a real Envoy', 'localhost/weft-envoy:dev')
  .option('--no-envoy-image', 'measure ours alone')
  .option('--keep', 'leave the pods there for the next run')
  .option('--json <file>', 'write every measurement there')
  .option('--smoke', 'one short round: only prove that every scenario runs')
  .addHelpText(
    'after',
    `
Takes the cluster of KUBECONFIG, in which Weft is installed (weft install | kubectl apply --server-side -f -). It makes the namespace
${NAMESPACE} with a client and a server for each side, injected as everything is, and deletes it at the end. Envoy gets its configuration from
the same control plane and has one worker; access logs are off. Processor time and memory are those of the proxies' processes, read from
/proc in their containers: of Envoy without its agent. Load, applications and proxies share the node: judge by processor time.

Scenarios:
${listed}

Examples:
  node bin/images.mjs --envoy --load
  npm run bench -- --kubernetes
  npm run bench -- --kubernetes mesh --rounds 10 --json mesh.json`,
  )
  .action((names: readonly string[], options: Options) => bench(names, options));

import { Command } from 'commander';
import { messageOf } from '../common/runtime/errors.js';
import { type CommandModule, UsageError } from './command.js';

/**
 * The `weft` program. Every command is a file under commands/ that is loaded only when it is called, so that starting a
 * sidecar does not pay for the demo.
 */
const COMMANDS: Record<string, { summary: string; load: () => Promise<CommandModule> }> = {
  demo: {
    summary: 'run a whole mesh on this machine, steered by a folder of YAML',
    load: () => import('./commands/demo.js'),
  },
  'proxy-status': {
    summary: 'show which configuration every sidecar has',
    load: () => import('./commands/proxy-status.js'),
  },
  'proxy-config': {
    summary: 'show the configuration inside one sidecar',
    load: () => import('./commands/proxy-config.js'),
  },
  analyze: { summary: 'find what is wrong in a folder of configuration', load: () => import('./commands/analyze.js') },
  'control-plane': { summary: 'run the control plane on a folder', load: () => import('./commands/control-plane.js') },
  proxy: { summary: 'run a sidecar from an Envoy bootstrap file', load: () => import('./commands/proxy.js') },
  bootstrap: {
    summary: 'print the bootstrap with which a sidecar joins',
    load: () => import('./commands/bootstrap.js'),
  },
  agent: { summary: 'let a real Envoy join as a workload', load: () => import('./commands/agent.js') },
  bookinfo: { summary: 'run one service of the sample application', load: () => import('./commands/bookinfo.js') },
};

async function run(argv: readonly string[]): Promise<void> {
  const name = argv.find((argument) => !argument.startsWith('-'));
  const program = new Command('weft')
    .description('A service mesh on Node.js: sidecar proxy, control plane and tools.')
    .helpCommand(false)
    .showHelpAfterError('(add --help for the options)')
    .exitOverride()
    .addHelpText(
      'after',
      '\nExamples:\n  weft demo                          a mesh on this machine, with traffic\n  weft analyze ./config              what is wrong in a folder of YAML\n  weft proxy-config routes reviews-v1',
    );
  for (const [command, { summary, load }] of Object.entries(COMMANDS)) {
    const sub = program.command(command).description(summary);
    if (command === name) (await load()).configure(sub);
  }
  if (name === undefined && argv.length === 0) {
    program.outputHelp();
    return;
  }
  await program.parseAsync(argv, { from: 'user' });
}

try {
  await run(process.argv.slice(2));
} catch (error) {
  const code = (error as { code?: unknown }).code;
  if (typeof code === 'string' && code.startsWith('commander.')) {
    process.exitCode = (error as { exitCode?: number }).exitCode === 0 ? 0 : 2;
  } else {
    process.stderr.write(`weft: ${messageOf(error)}\n`);
    process.exitCode = error instanceof UsageError ? 2 : 1;
  }
}

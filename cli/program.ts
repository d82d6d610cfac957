import { Command } from 'commander';
import { messageOf } from '../common/runtime/errors.js';
import { UsageError } from './command.js';
import type { Commands } from './commands.js';
import { version } from './installation.js';
import { whenUnread } from './output/pipe.js';

/** A part that outlives the demo that started it has this long to end by itself. */
const ORPHAN_GRACE_MS = 3000;

/**
 * A part hangs on its parent's IPC channel from the first moment on: the parent may die while the part still loads, and
 * nobody would tell it again.
 */
function endWithParent(): void {
  if (process.send === undefined) return;
  if (!process.connected) process.exit(1);
  process.once('disconnect', () => setTimeout(() => process.exit(1), ORPHAN_GRACE_MS).unref());
  process.channel?.unref();
}

async function run(commands: Commands, argv: readonly string[]): Promise<void> {
  const [first, second] = argv.filter((argument) => !argument.startsWith('-'));
  const name = first === 'help' ? second : first;
  // The demo ends its parts first.
  if (name !== 'demo') whenUnread(() => process.exit());
  const program = new Command('weft')
    .description('A service mesh on Node.js: sidecar proxy, control plane and tools.')
    .helpCommand('help [command]', 'display help for command')
    .version(version(), '-V, --version')
    .showHelpAfterError('(add --help for the options)')
    .exitOverride()
    .addHelpText(
      'after',
      '\nExamples:\n  weft demo                          a mesh on this machine, with traffic\n  weft analyze ./config              what is wrong in a folder of YAML\n  weft proxy-config routes reviews-v1',
    );
  for (const [command, { summary, load }] of Object.entries(commands)) {
    const sub = program.command(command).description(summary);
    if (command === name) (await load()).configure(sub);
  }
  if (name === undefined && argv.length === 0) {
    program.outputHelp();
    return;
  }
  await program.parseAsync(argv, { from: 'user' });
}

/** The program that the process is, from its arguments. Ends the process where the command cannot. */
export async function runProgram(commands: Commands): Promise<void> {
  endWithParent();
  try {
    await run(commands, process.argv.slice(2));
  } catch (error) {
    const code = (error as { code?: unknown }).code;
    if (typeof code === 'string' && code.startsWith('commander.')) {
      process.exitCode = (error as { exitCode?: number }).exitCode === 0 ? 0 : 2;
      return;
    }
    process.stderr.write(`weft: ${messageOf(error)}\n`);
    // What the command had begun to listen to must not keep it alive.
    process.exit(error instanceof UsageError ? 2 : 1);
  }
}

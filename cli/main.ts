#!/usr/bin/env node
import { Command } from 'commander';
import { messageOf } from '../common/runtime/errors.js';
import { type CommandModule, UsageError } from './command.js';
import { version } from './installation.js';
import { whenUnread } from './output/pipe.js';

/** A part that outlives the demo that started it has this long to end by itself. */
const ORPHAN_GRACE_MS = 3000;

/**
 * The `weft` program. Every command is a file under commands/ that is loaded only when it is called, so that starting a
 * sidecar does not pay for the demo.
 */
const COMMANDS: Record<string, { summary: string; load: () => Promise<CommandModule> }> = {
  demo: {
    summary: 'run a whole mesh on this machine, steered by a folder of YAML',
    load: () => import('./commands/demo.js'),
  },
  dashboard: { summary: 'see the mesh in the browser', load: () => import('./commands/dashboard.js') },
  'proxy-status': {
    summary: 'show which configuration every sidecar has',
    load: () => import('./commands/proxy-status.js'),
  },
  'proxy-config': {
    summary: 'show the configuration inside one sidecar',
    load: () => import('./commands/proxy-config.js'),
  },
  ca: { summary: 'show the roots of the mesh, and replace them', load: () => import('./commands/ca.js') },
  stat: {
    summary: 'show success, rate and latency of workloads, services, namespaces and edges',
    load: () => import('./commands/stat.js'),
  },
  edges: { summary: 'show who talks to whom, and by which identities', load: () => import('./commands/edges.js') },
  top: { summary: 'show which requests there are most of, live', load: () => import('./commands/top.js') },
  tap: { summary: 'show requests as they happen', load: () => import('./commands/tap.js') },
  describe: {
    summary: 'say what applies to a pod, workload or service, and why',
    load: () => import('./commands/describe.js'),
  },
  explain: { summary: 'say what would become of a request', load: () => import('./commands/explain.js') },
  history: {
    summary: 'show the versions of the configuration, and what each changed',
    load: () => import('./commands/history.js'),
  },
  rollback: {
    summary: 'take the data plane back to an earlier version of the configuration',
    load: () => import('./commands/rollback.js'),
  },
  resume: {
    summary: 'follow the objects again after a rollback',
    load: () => import('./commands/resume.js'),
  },
  bypass: {
    summary: 'make sidecars plain pass-through, until it is lifted',
    load: () => import('./commands/bypass.js'),
  },
  'bug-report': {
    summary: 'gather what helps to find a fault, without secrets, in one archive',
    load: () => import('./commands/bug-report.js'),
  },
  authz: { summary: 'say who may do what at a workload, and why', load: () => import('./commands/authz.js') },
  authn: { summary: 'say who speaks mTLS, from real traffic', load: () => import('./commands/authn.js') },
  analyze: { summary: 'find what is wrong in a folder of configuration', load: () => import('./commands/analyze.js') },
  install: {
    summary: 'print what `kubectl apply` installs in a cluster',
    load: () => import('./commands/install.js'),
  },
  check: {
    summary: 'say whether a cluster is ready for Weft, or Weft is well in it',
    load: () => import('./commands/check.js'),
  },
  uninstall: {
    summary: 'take Weft out of a cluster',
    load: () => import('./commands/uninstall.js'),
  },
  'control-plane': {
    summary: 'run the control plane on a folder or in a cluster',
    load: () => import('./commands/control-plane.js'),
  },
  proxy: {
    summary: 'run a sidecar: from an Envoy bootstrap file, or in a pod',
    load: () => import('./commands/proxy.js'),
  },
  wait: { summary: 'wait until the sidecar of this pod is ready', load: () => import('./commands/wait.js') },
  request: {
    summary: 'ask the sidecar of this pod, as a Job does at its end',
    load: () => import('./commands/request.js'),
  },
  inject: { summary: 'add sidecars to pods in files', load: () => import('./commands/inject.js') },
  'check-inject': {
    summary: 'say why a pod has a sidecar, or has none',
    load: () => import('./commands/check-inject.js'),
  },
  init: { summary: "lead a pod's traffic through its sidecar (iptables)", load: () => import('./commands/init.js') },
  bootstrap: {
    summary: 'print the bootstrap with which a sidecar joins',
    load: () => import('./commands/bootstrap.js'),
  },
  agent: { summary: 'let a real Envoy join as a workload', load: () => import('./commands/agent.js') },
  bookinfo: { summary: 'run one service of the sample application', load: () => import('./commands/bookinfo.js') },
};

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

async function run(argv: readonly string[]): Promise<void> {
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

endWithParent();
try {
  await run(process.argv.slice(2));
} catch (error) {
  const code = (error as { code?: unknown }).code;
  if (typeof code === 'string' && code.startsWith('commander.')) {
    process.exitCode = (error as { exitCode?: number }).exitCode === 0 ? 0 : 2;
  } else {
    process.stderr.write(`weft: ${messageOf(error)}\n`);
    // What the command had begun to listen to must not keep it alive.
    process.exit(error instanceof UsageError ? 2 : 1);
  }
}

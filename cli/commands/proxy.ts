import { Argument, type Command, Option } from 'commander';
import { logLevelOf } from '../../common/runtime/log-level.js';
import { UsageError } from '../command.js';
import { version } from '../installation.js';

interface Options {
  readonly configPath?: string;
  readonly mode: 'serve' | 'validate';
  readonly domain?: string;
  readonly concurrency?: string;
  readonly proxyLogLevel?: string;
  readonly log_output_level?: string;
}

/** `weft proxy`: a sidecar from an Envoy bootstrap file; with a role, the proxy of the pod that it runs in. */
export function configure(command: Command): void {
  command
    .addArgument(
      new Argument('[role]', "in a pod: configured by the pod's environment, with its side ports").choices([
        'sidecar',
        'router',
      ]),
    )
    .option('-c, --config-path <file>', 'Envoy bootstrap, YAML or JSON')
    .addOption(
      new Option('--mode <mode>', 'serve, or only check the file').choices(['serve', 'validate']).default('serve'),
    )
    .option('--domain <domain>', "in a pod: domain of the namespace's services")
    .option('--concurrency <number>', 'in a pod: worker threads that were asked for')
    .option('--proxyLogLevel <level>', 'in a pod: trace, debug, info, warning, error, off')
    .option('--log_output_level <levels>', 'in a pod: the same, as SCOPE:LEVEL,…')
    .addOption(new Option('--proxyComponentLogLevel <levels>', 'taken and not acted on').hideHelp())
    .addHelpText(
      'after',
      '\nExamples:\n  weft bootstrap reviews-v1 > reviews.json && weft proxy -c reviews.json\n  weft proxy -c envoy.yaml --mode validate\n  weft proxy sidecar --proxyLogLevel=warning',
    )
    .action(async (role: 'sidecar' | 'router' | undefined, options: Options) => {
      if (options.mode === 'validate') await validate(required(options.configPath));
      else if (role === undefined) {
        const { main } = await import('../../proxy/main.js');
        await main(required(options.configPath));
      } else await runInPod(role, options);
    });
}

function required(path: string | undefined): string {
  if (path === undefined) throw new UsageError('-c FILE is required, or a role: weft proxy sidecar');
  return path;
}

async function validate(path: string): Promise<void> {
  const { validateBootstrap } = await import('../../proxy/bootstrap/validate.js');
  const { errors, warnings } = await validateBootstrap(path);
  for (const warning of warnings) process.stderr.write(`warning: ${warning}\n`);
  for (const error of errors) process.stderr.write(`error: ${error}\n`);
  if (errors.length === 0) process.stdout.write(`configuration '${path}' OK\n`);
  process.exitCode = errors.length === 0 ? 0 : 1;
}

async function runInPod(role: 'sidecar' | 'router', options: Options): Promise<void> {
  const { configPath, domain, concurrency } = options;
  const logLevel = levelOf(options);
  // As Istio's agent does: the control plane is told which release this is.
  process.env['ISTIO_META_ISTIO_VERSION'] ??= version();
  const { runPod } = await import('../../proxy/agent/pod.js');
  await runPod({
    role,
    ...(configPath !== undefined && { bootstrapFile: configPath }),
    ...(domain !== undefined && { domain }),
    ...(concurrency !== undefined && { concurrency }),
    ...(logLevel !== undefined && { logLevel }),
  });
}

/** What Envoy's level says; else the one of Istio's default scope. Our proxy is both in one. */
function levelOf({ proxyLogLevel, log_output_level: scopes = '' }: Options): string | undefined {
  const scoped = scopes.split(',').map((part) => part.split(':'));
  const fallback = scoped.find(([scope, level]) => level === undefined || scope === 'default' || scope === 'all');
  const name = proxyLogLevel ?? fallback?.at(-1) ?? '';
  if (name === '') return undefined;
  const level = logLevelOf(name.toLowerCase());
  if (level === undefined) throw new UsageError(`'${name}' is not a log level`);
  return level;
}

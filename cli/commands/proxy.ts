import { type Command, Option } from 'commander';

interface Options {
  readonly configPath: string;
  readonly mode: 'serve' | 'validate';
}

/** `weft proxy`: a sidecar from an Envoy bootstrap file. */
export function configure(command: Command): void {
  command
    .requiredOption('-c, --config-path <file>', 'Envoy bootstrap, YAML or JSON')
    .addOption(
      new Option('--mode <mode>', 'serve, or only check the file').choices(['serve', 'validate']).default('serve'),
    )
    .addHelpText(
      'after',
      '\nExamples:\n  weft bootstrap reviews-v1 > reviews.json && weft proxy -c reviews.json\n  weft proxy -c envoy.yaml --mode validate',
    )
    .action(async (options: Options) => {
      if (options.mode === 'validate') {
        const { validateBootstrap } = await import('../../proxy/bootstrap/validate.js');
        const { errors, warnings } = await validateBootstrap(options.configPath);
        for (const warning of warnings) process.stderr.write(`warning: ${warning}\n`);
        for (const error of errors) process.stderr.write(`error: ${error}\n`);
        if (errors.length === 0) process.stdout.write(`configuration '${options.configPath}' OK\n`);
        process.exitCode = errors.length === 0 ? 0 : 1;
        return;
      }
      const { main } = await import('../../proxy/main.js');
      await main(options.configPath);
    });
}

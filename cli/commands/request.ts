import { Argument, type Command } from 'commander';

/** `weft request`: one call of the sidecar's admin port from within its pod, printed. */
export function configure(command: Command): void {
  command
    .addArgument(new Argument('<method>', 'HTTP method').choices(['GET', 'POST']))
    .argument('<path>', 'for example quitquitquit, config_dump, stats')
    .option('--port <port>', 'admin port of the sidecar', '15000')
    .addHelpText(
      'after',
      '\nExamples:\n  weft request POST quitquitquit              end the sidecar when a Job is done\n  weft request GET stats/prometheus',
    )
    .action(async (method: string, path: string, { port }: { readonly port: string }) => {
      const response = await fetch(`http://localhost:${port}/${path.replace(/^\//, '')}`, { method });
      const body = await response.text();
      process.stdout.write(body === '' || body.endsWith('\n') ? body : `${body}\n`);
      if (!response.ok) throw new Error(`the sidecar answers with ${response.status}`);
    });
}

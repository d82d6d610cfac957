import { type Command, InvalidArgumentError } from 'commander';
import { parseDurationOption } from '../output/duration.js';
import { existingFolder } from '../output/folder.js';

interface Options {
  readonly config: string;
  readonly state: string;
  readonly xdsPort: number;
  readonly plaintextXdsPort?: number;
  readonly debugPort: number;
  readonly certTtl?: number;
}

function port(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 0 || value > 65535)
    throw new InvalidArgumentError('A port is a number from 0 to 65535; 0 takes a free one.');
  return value;
}

/** `weft control-plane`: configuration from a folder, xDS and certificates to sidecars. */
export function configure(command: Command): void {
  command
    .requiredOption('--config <dir>', 'folder of YAML, watched', existingFolder)
    .requiredOption('--state <dir>', 'where the root key, tokens and ports are kept')
    .option('--xds-port <port>', 'xDS and CA over TLS; 0 takes a free port', port, 0)
    .option('--plaintext-xds-port <port>', 'xDS without TLS on loopback, for proxyless gRPC clients', port)
    .option('--debug-port <port>', 'metrics and debug on loopback; 0 takes a free port', port, 0)
    .option('--cert-ttl <time>', 'lifetime of workload certificates, 10s or more (default: 24h)', parseDurationOption)
    .addHelpText(
      'after',
      '\nExample:\n  weft control-plane --config ./mesh --state ./mesh-state --xds-port 15012 --debug-port 15014',
    )
    .action(async (options: Options) => {
      const { main } = await import('../../control-plane/main.js');
      await main({
        configDir: options.config,
        stateDir: options.state,
        host: '127.0.0.1',
        xdsPort: options.xdsPort,
        ...(options.plaintextXdsPort === undefined ? {} : { plaintextXdsPort: options.plaintextXdsPort }),
        debugPort: options.debugPort,
        certTtlSeconds: Math.round((options.certTtl ?? 86_400_000) / 1000),
      });
    });
}

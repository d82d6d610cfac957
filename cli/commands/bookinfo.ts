import { type Command, InvalidArgumentError, Option } from 'commander';
import type { BookinfoService } from '../bookinfo/catalog.js';

/** One service of the sample, as it is started. */
export interface BookinfoOptions {
  readonly service: BookinfoService;
  readonly serviceVersion: string;
  readonly host: string;
  readonly port: number;
  readonly proxy?: string;
  readonly grpcPort?: number;
  readonly detailsGrpc?: string;
  readonly database?: string;
}

function portNumber(text: string): number {
  const port = Number(text);
  if (!Number.isInteger(port) || port < 0 || port > 65535)
    throw new InvalidArgumentError('A port is a number from 0 to 65535.');
  return port;
}

/** `weft bookinfo`: one service of the sample in one version, on one port. */
export function configure(command: Command): void {
  command
    .addOption(
      new Option('--service <name>', 'which service')
        .choices(['productpage', 'details', 'reviews', 'ratings', 'ratings-db'])
        .makeOptionMandatory(),
    )
    .option('--service-version <version>', 'which version (reviews: v1 without, v2 black, v3 red stars)', 'v1')
    .option('--host <address>', 'where to listen', '127.0.0.1')
    .option('--port <port>', 'where to listen; 0 takes a free port', portNumber, 9080)
    .option('--proxy <url>', 'HTTP proxy for calls to other services (default: $HTTP_PROXY)')
    .option('--grpc-port <port>', 'details: where to listen for gRPC, too', portNumber)
    .option('--details-grpc <host:port>', 'productpage: ask details over gRPC')
    .option('--database <host:port>', 'ratings: read them from the sample’s database, over TCP')
    .addHelpText(
      'after',
      '\nExample:\n  HTTP_PROXY=http://127.0.0.1:15001 weft bookinfo --service reviews --service-version v2 --port 9081',
    )
    .action(async (options: BookinfoOptions) => {
      const { startService } = await import('../bookinfo/start.js');
      await startService(options);
    });
}

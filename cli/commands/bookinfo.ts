import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type Command, InvalidArgumentError, Option } from 'commander';
import type { BookinfoService } from '../bookinfo/catalog.js';
import { MeshClient } from '../bookinfo/mesh-client.js';
import { createHandler } from '../bookinfo/services.js';

interface Options {
  readonly service: BookinfoService;
  readonly serviceVersion: string;
  readonly host: string;
  readonly port: number;
  readonly proxy?: string;
}

const GRACE_MS = 5000;

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
        .choices(['productpage', 'details', 'reviews', 'ratings'])
        .makeOptionMandatory(),
    )
    .option('--service-version <version>', 'which version (reviews: v1 without, v2 black, v3 red stars)', 'v1')
    .option('--host <address>', 'where to listen', '127.0.0.1')
    .option('--port <port>', 'where to listen; 0 takes a free port', portNumber, 9080)
    .option('--proxy <url>', 'HTTP proxy for calls to other services (default: $HTTP_PROXY)')
    .addHelpText(
      'after',
      '\nExample:\n  HTTP_PROXY=http://127.0.0.1:15001 weft bookinfo --service reviews --service-version v2 --port 9081',
    )
    .action((options: Options) => {
      const client = new MeshClient(options.proxy ?? process.env['HTTP_PROXY']);
      const handler = createHandler(options.service, options.serviceVersion, client);
      const server = createServer({ keepAliveTimeout: 3_600_000 }, (request, response) => {
        const path = (request.url ?? '/').split('?')[0] ?? '/';
        void Promise.resolve(handler(request, path)).then((answer) => {
          response.writeHead(answer.status, {
            'content-type': answer.type,
            'content-length': Buffer.byteLength(answer.body),
          });
          response.end(answer.body);
        });
      });
      server.on('error', (error) => {
        process.stderr.write(
          `weft bookinfo: ${options.service} cannot listen on ${options.host}:${options.port}: ${error.message}\n`,
        );
        process.exit(1);
      });
      server.listen(options.port, options.host, () => {
        process.stdout.write(
          `${options.service} ${options.serviceVersion} on http://${options.host}:${(server.address() as AddressInfo).port}\n`,
        );
      });
      const stop = (): void => process.exit(0);
      // A pod that goes answers what it has begun.
      process.on('SIGTERM', () => {
        server.close(stop);
        server.closeIdleConnections();
        setTimeout(stop, GRACE_MS).unref();
      });
      process.on('SIGINT', stop);
      if (process.send !== undefined) process.on('disconnect', stop);
    });
}

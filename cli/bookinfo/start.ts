import { createServer as createHttpServer } from 'node:http';
import type { AddressInfo, Server } from 'node:net';
import { systemClock } from '../../common/runtime/clock.js';
import type { BookinfoOptions } from '../commands/bookinfo.js';
import { createDatabase, DatabaseClient } from './database.js';
import { MeshClient } from './mesh-client.js';
import { createHandler, type Others } from './services.js';

/** What has begun is answered within this time after SIGTERM. */
const GRACE_MS = 5000;

/** Runs one service of the sample until a signal, or until the parent is gone. */
export async function startService(options: BookinfoOptions): Promise<void> {
  const { service, serviceVersion, host, port } = options;
  const server = service === 'ratings-db' ? createDatabase() : httpService(service, await othersOf(options), options);
  const stops: (() => void)[] = [() => server.close(() => process.exit(0))];
  if (options.grpcPort !== undefined) {
    const { serveDetails } = await import('./details-grpc.js');
    stops.push(await serveDetails(host, options.grpcPort));
  }
  server.on('error', (error) => {
    process.stderr.write(`weft bookinfo: ${service} cannot listen on ${host}:${port}: ${error.message}\n`);
    process.exit(1);
  });
  server.listen(port, host, () => {
    const scheme = service === 'ratings-db' ? 'tcp' : 'http';
    const { port: taken } = server.address() as AddressInfo;
    process.stdout.write(`${service} ${serviceVersion} on ${scheme}://${host}:${taken}\n`);
  });
  const now = (): void => process.exit(0);
  // A pod that goes answers what it has begun.
  process.on('SIGTERM', () => {
    for (const stop of stops) stop();
    setTimeout(now, GRACE_MS).unref();
  });
  process.on('SIGINT', now);
  if (process.send !== undefined) process.on('disconnect', now);
}

async function othersOf(options: BookinfoOptions): Promise<Others> {
  const proxy = options.proxy ?? process.env['HTTP_PROXY'];
  const url = proxy === undefined || proxy === '' ? undefined : new URL(proxy);
  const { detailsGrpc, database } = options;
  const details =
    detailsGrpc === undefined
      ? undefined
      : new (await import('./details-grpc.js')).DetailsClient(detailsGrpc, url?.host);
  return {
    http: new MeshClient(proxy),
    details,
    database: database === undefined ? undefined : new DatabaseClient(database, url, systemClock),
  };
}

function httpService(
  service: Exclude<BookinfoOptions['service'], 'ratings-db'>,
  others: Others,
  { serviceVersion }: BookinfoOptions,
): Server {
  const handler = createHandler(service, serviceVersion, others);
  const server = createHttpServer({ keepAliveTimeout: 3_600_000 }, (request, response) => {
    const path = (request.url ?? '/').split('?')[0] ?? '/';
    void Promise.resolve(handler(request, path)).then((answer) => {
      response.writeHead(answer.status, {
        'content-type': answer.type,
        'content-length': Buffer.byteLength(answer.body),
      });
      response.end(answer.body);
    });
  });
  process.on('SIGTERM', () => server.closeIdleConnections());
  return server;
}

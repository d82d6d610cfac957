import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { pipeline } from 'node:stream/promises';
import { messageOf } from '../../common/runtime/errors.js';
import { isCrossSite, isLoopback, namesLoopback } from '../../common/runtime/local-caller.js';
import { METRICS_TYPE, mergedMetrics, type ScrapeTarget } from './merged-metrics.js';
import type { ProbeTarget } from './probe.js';
import type { Prober } from './probers.js';

/** What the side ports tell and do. */
export interface StatusSources {
  readonly ready: () => boolean;
  /** Our own metrics, in Prometheus' text format, piece by piece. */
  readonly metrics: () => AsyncIterable<string>;
  readonly application: ScrapeTarget | undefined;
  readonly probers: ReadonlyMap<string, Prober>;
  readonly probeTarget: ProbeTarget;
  /** Ends the process as SIGTERM does. */
  readonly quit: () => void;
  /** Asks inbound connections to go; the process goes on. */
  readonly drain: () => void;
  readonly warn: (text: string) => void;
}

export interface StatusPorts {
  /** Everything: merged metrics, probes, quit, drain. undefined turns it off. */
  readonly status: number | undefined;
  /** Readiness alone. */
  readonly health: number;
  /** Our own metrics alone. */
  readonly metrics: number;
}

export interface StatusServers {
  /** Where they listen, for ports that were given as 0. */
  readonly ports: StatusPorts;
  close(): Promise<void>;
}

type Handler = (request: IncomingMessage, response: ServerResponse) => void | Promise<void>;

/** Serves the ports that the kubelet and Prometheus ask. Rejects when one is taken. */
export async function startStatusServers(ports: StatusPorts, sources: StatusSources): Promise<StatusServers> {
  const ready: Handler = (_request, response) => {
    const up = sources.ready();
    send(response, up ? 200 : 503, up ? '' : 'not ready\n');
  };
  const own: Handler = (_request, response) => sendPieces(response, sources.metrics());
  const servers: Server[] = [];
  const close = async (): Promise<void> => {
    await Promise.all(servers.map(stop));
  };
  const open = async (port: number, routes: Readonly<Record<string, Handler>>, other?: Handler): Promise<number> => {
    const server = createServer(dispatcher(routes, other));
    servers.push(server);
    return listen(server, port);
  };
  const openIfWanted = async (port: number | undefined, ...rest: [Record<string, Handler>, Handler]) =>
    port === undefined ? undefined : await open(port, ...rest);
  try {
    const status = await openIfWanted(
      ports.status,
      {
        '/healthz/ready': ready,
        '/stats/prometheus': merged(sources),
        '/metrics': merged(sources),
        '/quitquitquit': command(sources.quit),
        '/drain': command(sources.drain),
      },
      appProbe(sources),
    );
    const health = await open(ports.health, { '/healthz/ready': ready });
    const metrics = await open(ports.metrics, { '/stats/prometheus': own });
    return { ports: { status, health, metrics }, close };
  } catch (error) {
    await close();
    throw error;
  }
}

function dispatcher(routes: Readonly<Record<string, Handler>>, other: Handler = notFound): RequestListener {
  return (request, response) => {
    const [path = '/'] = (request.url ?? '/').split('?', 1);
    const handler = (Object.hasOwn(routes, path) ? routes[path] : undefined) ?? other;
    Promise.resolve(handler(request, response)).catch((error: unknown) => {
      if (response.headersSent) response.destroy();
      else send(response, 500, `${messageOf(error)}\n`);
    });
  };
}

const notFound: Handler = (_request, response) => send(response, 404, 'not found\n');

function merged(sources: StatusSources): Handler {
  return (request, response) => {
    const seconds = Number(request.headers['x-prometheus-scrape-timeout-seconds']);
    const pieces = mergedMetrics({
      own: sources.metrics,
      target: sources.application,
      // Ours must leave before the scraper gives up.
      timeoutMs: seconds > 0 ? seconds * 800 : undefined,
      onFailure: (reason) => sources.warn(`metrics of the application are missing: ${reason}`),
    });
    return sendPieces(response, pieces);
  };
}

/** Something that only the pod itself may ask for. */
function command(run: () => void): Handler {
  return (request, response) => {
    if (request.method !== 'POST') {
      send(response, 405, 'POST only\n');
      return;
    }
    if (!isLocal(request)) {
      send(response, 403, 'only from the pod itself\n');
      return;
    }
    response.once('finish', run);
    send(response, 200, 'ok');
  };
}

function appProbe(sources: StatusSources): Handler {
  return async (request, response) => {
    const [path = ''] = (request.url ?? '').split('?', 1);
    const prober = sources.probers.get(path);
    if (prober === undefined) {
      send(response, 404, 'not found\n');
      return;
    }
    // With what TLS and HTTP/2 take, only where there are probes.
    const { probe } = await import('./probe.js');
    const { status, body } = await probe(prober, sources.probeTarget, forwarded(request));
    send(response, status, body);
  };
}

/** What the kubelet sent, without what belongs to this connection. */
function forwarded(request: IncomingMessage): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(request.headers)) {
    if (typeof value === 'string' && !CONNECTION_HEADERS.has(name)) headers[name] = value;
  }
  return headers;
}

const CONNECTION_HEADERS = new Set([
  'host',
  'connection',
  'keep-alive',
  'proxy-connection',
  'transfer-encoding',
  'content-length',
  'upgrade',
  'te',
  'trailer',
]);

/** From the pod itself, and by no web page that a browser there has open. */
function isLocal({ headers, socket }: IncomingMessage): boolean {
  const { remoteAddress } = socket;
  if (remoteAddress === undefined || !isLoopback(remoteAddress)) return false;
  return (headers.host === undefined || namesLoopback(headers.host)) && !isCrossSite(headers);
}

function send(response: ServerResponse, status: number, body: string): void {
  response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8' });
  response.end(body);
}

/** No faster than it is read: a scrape of many series is never in memory as a whole. */
function sendPieces(response: ServerResponse, pieces: AsyncIterable<string>): Promise<void> {
  response.writeHead(200, { 'content-type': METRICS_TYPE });
  return pipeline(pieces, response);
}

/** On both families where the machine has both. */
async function listen(server: Server, port: number): Promise<number> {
  const attempt = (host: string): Promise<void> =>
    new Promise((resolve, reject) => {
      server.once('error', reject);
      server.listen({ host, port, ipv6Only: false }, () => {
        server.off('error', reject);
        resolve();
      });
    });
  try {
    await attempt('::');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'EAFNOSUPPORT' && code !== 'EADDRNOTAVAIL') throw new Error(`port ${port}: ${messageOf(error)}`);
    await attempt('0.0.0.0');
  }
  return (server.address() as AddressInfo).port;
}

function stop(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}

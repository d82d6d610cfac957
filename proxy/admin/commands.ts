import { RE2JS } from 're2js';
import { messageOf } from '../../common/runtime/errors.js';
import { toJson } from '../../common/xds/json.js';
import { durationToJson } from '../../common/xds/json-scalars.js';
import { tapAnswer } from '../observe/tap.js';
import { exposition, flatStats, type StatGroup } from '../telemetry/envoy-stats.js';
import { authzRules, explainAuthz } from './authz-explain.js';
import { clusterStats } from './cluster-stats.js';
import { clustersJson, clustersText } from './clusters.js';
import { configDump, DumpError } from './config-dump.js';
import { explainRoute } from './explain/explain.js';
import type { AdminSources, CertificateDetails } from './sources.js';

export interface Answer {
  readonly status: number;
  readonly type: 'text' | 'json' | 'html' | 'prometheus';
  /** In pieces where it may be large. */
  readonly body: string | AsyncIterable<string>;
  /** Goes on with the body until it resolves; the signal says that nobody reads any more. */
  readonly stream?: (write: (text: string) => void, signal: AbortSignal) => Promise<void>;
  /** Done after the answer is on its way. */
  readonly after?: () => void;
}

export interface Command {
  readonly help: string;
  /** POST only: it changes something. */
  readonly mutates?: boolean;
  run(sources: AdminSources, query: URLSearchParams): Answer | Promise<Answer>;
}

const text = (body: string, status = 200): Answer => ({ status, type: 'text', body });
/** One space of indentation and a line end, as Envoy prints its messages. */
const json = (value: unknown): Answer => ({ status: 200, type: 'json', body: `${JSON.stringify(value, null, 1)}\n` });
const OK = text('OK\n');

export const COMMANDS: Readonly<Record<string, Command>> = {
  '/': { help: 'Admin home page', run: () => ({ status: 200, type: 'html', body: home() }) },
  '/certs': { help: 'print certs on machine', run: certificates },
  '/clusters': {
    help: 'upstream cluster status',
    run: (sources, query) =>
      query.get('format') === 'json' ? json(clustersJson(sources.clusters())) : text(clustersText(sources.clusters())),
  },
  '/config_dump': { help: 'dump current configs: ?resource= ?mask= ?name_regex= ?include_eds', run: dump },
  '/drain': { help: 'drain listeners', mutates: true, run: drain },
  '/drain_listeners': { help: 'drain listeners: ?inboundonly ?graceful', mutates: true, run: drain },
  '/healthz/ready': { help: 'print server state, return 200 if LIVE, otherwise return 503', run: ready },
  '/help': { help: 'print out list of admin commands', run: () => text(`admin commands are:\n${commandList()}`) },
  '/listeners': { help: 'print listener info: ?format=json', run: listeners },
  '/logging': { help: 'show the logging level; POST ?level= changes it', run: (sources) => logging(sources) },
  '/memory': { help: 'print current allocation/heap usage', run: () => json(memory()) },
  '/quitquitquit': {
    help: 'exit the server',
    mutates: true,
    run: (sources) => ({ ...OK, after: () => sources.quit() }),
  },
  '/ready': { help: 'print server state, return 200 if LIVE, otherwise return 503', run: ready },
  '/reopen_logs': {
    help: 'reopen access logs',
    mutates: true,
    run: (sources) => {
      sources.reopenLogs();
      return OK;
    },
  },
  '/server_info': { help: 'print server version/status information', run: serverInfo },
  '/stats': { help: 'print server stats: ?filter= ?format=text|json|prometheus', run: stats },
  '/stats/prometheus': { help: 'print server stats in prometheus format', run: (sources) => prometheus(sources) },
  '/weft/authn/connections': {
    help: 'who came without mTLS since the start, by address and port, as JSON',
    run: (sources) => json({ since: sources.startTime, plaintext: sources.plaintext?.() ?? [] }),
  },
  '/weft/authz/explain': {
    help: 'what policies say of a request: ?from=NAMESPACE/ACCOUNT ?method= ?path= ?host= ?header= ?port= ?ip=',
    run: (sources, query) => explained(() => explainAuthz(sources, query)),
  },
  '/weft/authz/rules': {
    help: 'the authorization rules in force, port by port, as JSON',
    run: (sources) => json(authzRules(sources)),
  },
  '/weft/edges': {
    help: 'counts and latencies of every edge of the service graph that this proxy has seen, as JSON',
    run: (sources) => json(sources.edges()),
  },
  '/weft/explain': {
    help: 'what becomes of a request of this workload: ?scheme= ?host= ?path= ?method= ?header= ?ip= ?gateway=',
    run: (sources, query) => explained(() => explainRoute(sources, query)),
  },
  '/weft/failures': {
    help: 'the last requests that failed, as JSON, newest first',
    run: (sources) => json(sources.requests.report()),
  },
  '/weft/routes': {
    help: 'what this workload sends by each route, counted for so long, as JSON: ?seconds=',
    run: async (sources, query) => (await import('../observe/route-counts.js')).routesAnswer(sources.requests, query),
  },
  '/weft/tap': {
    help: 'requests as they end, one JSON object a line: ?source= ?destination= ?method= ?path= ?status= ?rate= ?seconds=',
    run: (sources, query) => tapAnswer(sources.requests, sources.tapAllowed, query),
  },
};

/** What an unknown path and `/help` list. */
export function commandList(): string {
  return Object.entries(COMMANDS)
    .map(([path, { help, mutates }]) => `  ${path}${mutates === true ? ' (POST)' : ''}: ${help}\n`)
    .join('');
}

/** `POST /logging?level=`: any other parameter, or an unknown level, is a 400 as Envoy gives it. */
export function setLogging(sources: AdminSources, query: URLSearchParams): Answer {
  const level = query.get('level');
  if (level === null && query.size === 0) return logging(sources);
  const known = LEVELS.get(level ?? '');
  if (known === undefined) {
    const usage = `usage: /logging?level=<level> (change all levels)\nlevels: ${[...LEVELS.keys()].join(' ')}\n`;
    return text(`error: unknown logger ${level === null ? 'name' : 'level'}\n\n${usage}`, 400);
  }
  sources.logLevel.set(known);
  return logging(sources);
}

/** Envoy's names of the levels to pino's. */
const LEVELS: ReadonlyMap<string, string> = new Map([
  ['trace', 'trace'],
  ['debug', 'debug'],
  ['info', 'info'],
  ['warning', 'warn'],
  ['warn', 'warn'],
  ['error', 'error'],
  ['critical', 'fatal'],
  ['off', 'silent'],
]);

function logging(sources: AdminSources): Answer {
  return text(`active loggers:\n  all: ${sources.logLevel.get()}\n`);
}

function home(): string {
  const rows = Object.entries(COMMANDS).map(([path, { help, mutates }]) =>
    mutates === true
      ? `<tr><td>${path} (POST)</td><td>${help}</td></tr>`
      : `<tr><td><a href="${path.slice(1)}">${path}</a></td><td>${help}</td></tr>`,
  );
  return `<!doctype html>\n<title>Weft proxy</title>\n<table>\n${rows.join('\n')}\n</table>\n`;
}

function ready(sources: AdminSources): Answer {
  const state = sources.state();
  if (state === 'LIVE') return text('LIVE\n');
  const fault = sources.identityFault?.() ?? '';
  return text(fault === '' ? `${state}\n` : `${state}\n${fault}\n`, 503);
}

function explained(answer: () => unknown): Answer {
  try {
    return json(answer());
  } catch (error) {
    return text(`${messageOf(error)}\n`, 400);
  }
}

function drain(sources: AdminSources, query: URLSearchParams): Answer {
  sources.drain({ inboundOnly: query.has('inboundonly'), graceful: query.has('graceful') });
  return OK;
}

function dump(sources: AdminSources, query: URLSearchParams): Answer {
  try {
    return json(configDump(sources, query));
  } catch (error) {
    if (error instanceof DumpError) return text(error.message, error.status);
    throw error;
  }
}

function listeners(sources: AdminSources, query: URLSearchParams): Answer {
  const all = [...sources.listeners()];
  if (query.get('format') !== 'json') {
    return text(
      all.map(({ name, host, port }) => `${name}::${host.includes(':') ? `[${host}]` : host}:${port}\n`).join(''),
    );
  }
  return json({
    listener_statuses: all.map(({ name, host, port }) => ({
      name,
      local_address: { socket_address: { address: host, port_value: port } },
    })),
  });
}

function certificates(sources: AdminSources): Answer {
  const details = (path: string) => (certificate: CertificateDetails) => ({
    path,
    serial_number: certificate.serialNumber,
    subject_alt_names: certificate.subjectAltNames,
    days_until_expiration: String(Math.max(0, Math.floor((certificate.expiration - Date.now()) / 86_400_000))),
    valid_from: new Date(certificate.validFrom).toISOString(),
    expiration_time: new Date(certificate.expiration).toISOString(),
  });
  return json({
    certificates: [...sources.certificates()].map(({ path, roots, chain }) => ({
      ca_cert: roots.map(details(path)),
      cert_chain: chain.map(details(path)),
    })),
  });
}

function memory(): object {
  const { heapUsed, heapTotal, rss } = process.memoryUsage();
  return { allocated: String(heapUsed), heap_size: String(heapTotal), total_physical_bytes: String(rss) };
}

function serverInfo(sources: AdminSources): Answer {
  const uptime = durationToJson({ seconds: uptimeSeconds(sources) });
  return json({
    version: sources.version,
    state: sources.state(),
    uptime_current_epoch: uptime,
    uptime_all_epochs: uptime,
    hot_restart_version: 'disabled',
    command_line_options: sources.options,
    node: toJson('type.googleapis.com/envoy.config.core.v3.Node', sources.node()),
  });
}

function uptimeSeconds(sources: AdminSources): number {
  return Math.max(0, Math.floor((Date.now() - sources.startTime) / 1000));
}

const STATES = ['LIVE', 'DRAINING', 'PRE_INITIALIZING', 'INITIALIZING'];

function* allStats(sources: AdminSources): Iterable<StatGroup> {
  const state = sources.state();
  const { heapUsed, rss } = process.memoryUsage();
  yield {
    scope: 'server',
    stats: [
      { name: 'uptime', type: 'gauge', value: uptimeSeconds(sources) },
      { name: 'live', type: 'gauge', value: state === 'LIVE' ? 1 : 0 },
      { name: 'state', type: 'gauge', value: STATES.indexOf(state) },
      { name: 'concurrency', type: 'gauge', value: 1 },
      { name: 'memory_allocated', type: 'gauge', value: heapUsed },
      { name: 'memory_physical_size', type: 'gauge', value: rss },
    ],
  };
  for (const cluster of sources.clusters()) yield clusterStats(cluster);
  yield* sources.stats();
}

function prometheus(sources: AdminSources): Answer {
  return { status: 200, type: 'prometheus', body: prometheusText(sources) };
}

/** All statistics in Prometheus' text format, piece by piece. */
export function prometheusText(sources: AdminSources): AsyncIterable<string> {
  return exposition(sources.registry, allStats(sources));
}

function stats(sources: AdminSources, query: URLSearchParams): Answer | Promise<Answer> {
  const format = query.get('format') ?? 'text';
  if (format === 'prometheus') return prometheus(sources);
  if (format !== 'text' && format !== 'json')
    return text('usage: /stats?format=json  or /stats?format=prometheus \n\n', 400);
  const filter = query.get('filter');
  let matches: (name: string) => boolean = () => true;
  if (filter !== null && filter !== '') {
    try {
      const regex = RE2JS.compile(filter);
      matches = (name) => regex.matcher(name).find();
    } catch {
      return text(`Invalid re2 regex: ${filter}\n`, 400);
    }
  }
  const shown = flatStats(allStats(sources)).filter(({ name }) => matches(name));
  if (format === 'json') return { status: 200, type: 'json', body: JSON.stringify({ stats: shown }) };
  return text(shown.map(({ name, value }) => `${name}: ${value}\n`).join(''));
}

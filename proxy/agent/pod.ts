import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { Readable } from 'node:stream';
import { systemClock } from '../../common/runtime/clock.js';
import { messageOf } from '../../common/runtime/errors.js';
import { FreedMemory, processMemory } from '../../common/runtime/freed-memory.js';
import { createLogger } from '../../common/runtime/log.js';
import { type ProxyApp, startProxy } from '../app.js';
import { type LoadedBootstrap, loadBootstrap, parseBootstrap } from '../bootstrap/read.js';
import { YoungGeneration, youngMemory } from '../young-generation.js';
import { scrapeTarget } from './merged-metrics.js';
import { podBootstrap } from './pod-bootstrap.js';
import { type PodFlags, type PodSettings, type ProxyRole, readPodEnvironment } from './pod-environment.js';
import { readProbers } from './probers.js';
import { type StatusServers, type StatusSources, startStatusServers } from './status-server.js';
import { terminate } from './termination.js';

export interface PodOptions extends PodFlags {
  readonly role: ProxyRole;
  /** A bootstrap to take instead of the one that the environment describes. */
  readonly bootstrapFile?: string;
  readonly logLevel?: string;
}

const HOLD_MS = 3_600_000;

/**
 * Runs the proxy of a pod until a signal: SIGTERM leaves as Istio's agent does and exits 0; SIGINT or a second signal ends it
 * at once. The side ports are open before the proxy is, so that the kubelet hears "not ready" and not "nobody there".
 */
export async function runPod(options: PodOptions): Promise<void> {
  const log = createLogger('proxy');
  if (options.logLevel !== undefined) log.level = options.logLevel;
  new YoungGeneration(youngMemory, systemClock);
  let settings: PodSettings;
  let probers: StatusSources['probers'];
  try {
    settings = readPodEnvironment(options.role, process.env, options, readIfThere);
    probers = readProbers(settings.probers);
  } catch (error) {
    for (const line of messageOf(error).split('\n')) process.stderr.write(`weft proxy ${options.role}: ${line}\n`);
    process.exitCode = 1;
    return;
  }
  for (const warning of settings.warnings) log.warn(warning);
  const loaded = bootstrapOf(settings, options.bootstrapFile);
  for (const warning of loaded.warnings) log.warn(warning);
  if ('errors' in loaded) {
    for (const error of loaded.errors) process.stderr.write(`weft proxy ${options.role}: ${error}\n`);
    process.exitCode = 1;
    return;
  }

  let app: ProxyApp | undefined;
  let ending = false;
  const exit = (code: number): void => {
    process.exit(code);
  };
  const stop = (): void => {
    (app?.stop() ?? Promise.resolve()).then(
      () => exit(0),
      () => exit(1),
    );
  };
  const end = (): void => {
    if (ending || app === undefined) {
      stop();
      return;
    }
    ending = true;
    log.info({ drain: settings.drain }, 'leaving');
    terminate(app, settings.drain, systemClock).then(stop, stop);
  };
  // Signals count from here on: the pod may end while it starts.
  process.on('SIGTERM', end);
  process.on('SIGINT', stop);
  process.on('SIGUSR1', () => app?.reopenLogs());
  setInterval(() => undefined, HOLD_MS);
  let servers: StatusServers | undefined;
  try {
    const { status, health, metrics, admin } = settings.ports;
    servers = await startStatusServers(settings.ports, {
      ready: () => app?.ready === true,
      metrics: () => app?.statistics() ?? Readable.from([]),
      application: scrapeTarget(settings.prometheus, [status ?? 0, health, metrics, admin]),
      probers,
      probeTarget: { ip: settings.ip, source: probeSource(settings.ip) },
      quit: end,
      drain: () => app?.leave(),
      warn: (text) => log.warn(text),
    });
    app = await startProxy(loaded.config, { log, onQuit: () => exit(0) });
    new FreedMemory(processMemory, systemClock);
  } catch (error) {
    log.error(messageOf(error));
    await servers?.close();
    exit(1);
  }
}

function bootstrapOf(settings: PodSettings, file: string | undefined): LoadedBootstrap {
  return file === undefined ? parseBootstrap(JSON.stringify(podBootstrap(settings))) : loadBootstrap(file);
}

/** Connections of the proxy to its own pod are captured as inbound, but for those from this address. */
function probeSource(ip: string): string {
  return isIP(ip) === 6 ? '::6' : '127.0.0.6';
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

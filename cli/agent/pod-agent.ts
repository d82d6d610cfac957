import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { type Clock, systemClock } from '../../common/runtime/clock.js';
import { Lifecycle } from '../../common/runtime/lifecycle.js';
import { createLogger } from '../../common/runtime/log.js';
import { scrapeTarget } from '../../proxy/agent/merged-metrics.js';
import { podBootstrap } from '../../proxy/agent/pod-bootstrap.js';
import { type PodSettings, readPodEnvironment } from '../../proxy/agent/pod-environment.js';
import { readProbers } from '../../proxy/agent/probers.js';
import { startStatusServers } from '../../proxy/agent/status-server.js';
import { UsageError } from '../command.js';
import { getText } from '../mesh/http.js';
import { sidecarBootstrap } from './bootstrap.js';
import { runEnvoy } from './envoy.js';
import { serveAgent } from './run.js';

const POLL_MS = 500;

/**
 * The agent of an Envoy that stands in the sidecar's place in a pod: identity, SDS and ADS as on a machine, settings from the
 * environment as `weft proxy sidecar` reads it, and its side ports, where readiness is Envoy's own.
 */
export async function runPodAgent(envoy: string): Promise<void> {
  const log = createLogger('agent');
  const settings = settingsOfPod();
  const lifecycle = new Lifecycle();
  const signalled = new Promise<void>((done) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => done());
  });
  const admin = new EnvoyAdmin(`http://${isIP(settings.ip) === 6 ? '[::1]' : '127.0.0.1'}:${settings.ports.admin}`);
  const { status, health, metrics } = settings.ports;
  try {
    const bootstrap = sidecarBootstrap(podBootstrap(settings));
    const path = await serveAgent(bootstrap, '/etc/istio/proxy', lifecycle);
    admin.watch(systemClock);
    lifecycle.add('admin', () => admin.stop());
    const servers = await startStatusServers(settings.ports, {
      ready: () => admin.ready,
      metrics: () => admin.metrics(),
      application: scrapeTarget(settings.prometheus, [status ?? 0, health, metrics, settings.ports.admin]),
      probers: readProbers(settings.probers),
      probeTarget: { ip: settings.ip, source: isIP(settings.ip) === 6 ? '::6' : '127.0.0.6' },
      quit: () => process.kill(process.pid, 'SIGTERM'),
      drain: () => admin.drain(),
      warn: (text) => log.warn(text),
    });
    lifecycle.add('side ports', () => servers.close());
    const left = signalled.then(async () => {
      admin.drain();
      await new Promise<void>((done) => {
        systemClock.after(settings.drain.terminationMs, done);
      });
    });
    await runEnvoy(envoy, path, left, ['--disable-hot-restart']);
  } finally {
    await lifecycle.close();
  }
}

function settingsOfPod(): PodSettings {
  try {
    return readPodEnvironment('sidecar', process.env, {}, (path) => {
      try {
        return readFileSync(path, 'utf8');
      } catch {
        return undefined;
      }
    });
  } catch (error) {
    throw new UsageError(`this is no pod of the mesh: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/** What the agent asks of Envoy's admin port. */
class EnvoyAdmin {
  ready = false;
  #stopped = false;

  constructor(private readonly url: string) {}

  watch(clock: Clock): void {
    if (this.#stopped) return;
    getText(`${this.url}/ready`)
      .then(
        () => {
          this.ready = true;
        },
        () => {
          this.ready = false;
        },
      )
      .finally(() => clock.after(POLL_MS, () => this.watch(clock)));
  }

  stop(): void {
    this.#stopped = true;
  }

  async *metrics(): AsyncGenerator<string, void, undefined> {
    yield await getText(`${this.url}/stats/prometheus`);
  }

  drain(): void {
    fetch(`${this.url}/drain_listeners?inboundonly&graceful`, { method: 'POST' }).catch(() => undefined);
  }
}

import { join, resolve } from 'node:path';
import { systemClock } from '../common/runtime/clock.js';
import { FreedMemory, processMemory } from '../common/runtime/freed-memory.js';
import { createLogger, type Logger } from '../common/runtime/log.js';
import { setClusterDomain } from './api/hosts.js';
import { type ControlPlaneApp, startControlPlane } from './app.js';
import type { ControlPlaneConfig } from './config.js';
import type { ControlPlaneParts } from './core.js';
import { startInCluster } from './kubernetes-app.js';
import type { KubernetesConfig } from './kubernetes-config.js';
import { kubernetesParts } from './kubernetes-parts.js';
import { PortAllotter } from './sources/folder/allotments.js';
import { FolderSource } from './sources/folder/folder-source.js';
import { translateProxyless } from './translate/proxyless.js';
import { translate } from './translate/translate.js';

const LEFT_OVER_MS = 1000;

/** The parts of a control plane without Kubernetes: a watched folder, and ports given out on this machine. */
export function folderParts(config: ControlPlaneConfig, log: Logger): ControlPlaneParts {
  const onWarning = (message: string): void => log.warn(message);
  return {
    source: new FolderSource(resolve(config.configDir), { onWarning }),
    allotter: new PortAllotter({ stateFile: join(resolve(config.stateDir), 'ports.json'), onWarning }),
    translate: (snapshot, node, listenerNames) =>
      node.dataPlane === 'grpc' ? translateProxyless(snapshot, node, listenerNames) : translate(snapshot, node),
    log,
  };
}

/** Runs until a signal, or until the parent that started it with an IPC channel is gone. Resolves when all is stopped. */
export async function main(config: ControlPlaneConfig): Promise<void> {
  const log = createLogger('control-plane');
  const ended = untilEnded();
  const starting = startControlPlane(config, folderParts(config, log));
  const first = await Promise.race([starting, ended]);
  const app: ControlPlaneApp = typeof first === 'string' ? await starting : first;
  const reason = await ended;
  log.info({ reason }, 'stopping');
  await app.stop();
  if (process.connected) process.disconnect();
}

/** The same in a cluster. SIGTERM lets proxies go to another replica; a second signal ends at once. */
export async function mainInCluster(config: KubernetesConfig): Promise<void> {
  setClusterDomain(config.clusterDomain);
  const log = createLogger('control-plane');
  const ended = untilEnded();
  const app = startInCluster(config, await kubernetesParts(log, config.namespace));
  new FreedMemory(processMemory, systemClock);
  const reason = await Promise.race([ended, failureOf(app.started)]);
  log.info({ reason }, 'stopping');
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1));
  await app.stop();
  if (process.connected) process.disconnect();
  // A start that the signal came into may still hold something; it keeps no process alive.
  setTimeout(() => process.exit(0), LEFT_OVER_MS).unref();
}

/** Never resolves; rejects when the start does. */
async function failureOf(started: Promise<void>): Promise<never> {
  await started;
  return new Promise<never>(() => {});
}

function untilEnded(): Promise<string> {
  return new Promise<string>((done) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => done(signal));
    if (process.connected) process.once('disconnect', () => done('the parent is gone'));
  });
}

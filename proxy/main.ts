import { systemClock } from '../common/runtime/clock.js';
import { messageOf } from '../common/runtime/errors.js';
import { FreedMemory, processMemory } from '../common/runtime/freed-memory.js';
import { createLogger } from '../common/runtime/log.js';
import { startProxy } from './app.js';
import { loadBootstrap } from './bootstrap/read.js';
import { YoungGeneration, youngMemory } from './young-generation.js';

const HOLD_MS = 3_600_000;

/**
 * Runs a proxy until a signal: SIGTERM drains, then exits 0; SIGINT, or a second signal, stops at once; SIGUSR1 opens the
 * access logs anew. A parent that started it with an IPC channel takes it along when it dies.
 */
export async function main(file: string): Promise<void> {
  const log = createLogger('proxy');
  new YoungGeneration(youngMemory, systemClock);
  const loaded = loadBootstrap(file);
  for (const warning of loaded.warnings) log.warn({ file }, warning);
  if ('errors' in loaded) {
    // For whoever typed the command; there is nobody yet who collects logs.
    for (const error of loaded.errors) process.stderr.write(`weft proxy: ${file}: ${error}\n`);
    process.exitCode = 1;
    return;
  }
  const app = await startProxy(loaded.config, { log, onQuit: () => process.exit(0) }).catch((error: unknown) => {
    log.error({ file }, messageOf(error));
    return undefined;
  });
  if (app === undefined) process.exit(1);
  new FreedMemory(processMemory, systemClock);

  let ending = false;
  const end = (how: 'drain' | 'stop'): void => {
    const work = how === 'drain' && !ending ? app.drain() : app.stop();
    ending = true;
    work.then(
      () => process.exit(0),
      (error: unknown) => {
        log.error(messageOf(error));
        process.exit(1);
      },
    );
  };
  // Nothing else holds the process while it waits for its first configuration without an admin port.
  setInterval(() => undefined, HOLD_MS);
  process.on('SIGUSR1', () => app.reopenLogs());
  process.on('SIGTERM', () => end('drain'));
  process.on('SIGINT', () => end('stop'));
  if (process.send !== undefined) process.on('disconnect', () => process.exit(0));
}

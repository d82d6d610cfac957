import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { constants } from 'node:os';
import { WeftError } from '../../common/runtime/errors.js';

/** Makes the kernel end the program when the agent is gone, however it went (util-linux). */
const SETPRIV = '/usr/bin/setpriv';

/**
 * Runs Envoy until it ends or `stop` resolves, whichever is first; then it is gone. Rejects with a WeftError when it could
 * not be started, or ended by itself with a failure.
 */
export async function runEnvoy(
  program: string,
  bootstrapPath: string,
  stop: Promise<void>,
  flags: readonly string[] = ['--use-dynamic-base-id'],
): Promise<void> {
  const args = ['-c', bootstrapPath, ...flags];
  const tied = process.platform === 'linux' && existsSync(SETPRIV);
  const envoy: ChildProcess = tied
    ? spawn(SETPRIV, ['--pdeathsig', 'TERM', '--', program, ...args], { stdio: ['ignore', 'inherit', 'inherit'] })
    : spawn(program, args, { stdio: ['ignore', 'inherit', 'inherit'] });
  const ended = new Promise<number>((done, fail) => {
    envoy.once('exit', (code, signal) => done(code ?? 128 + (signal === null ? 0 : constants.signals[signal])));
    envoy.once('error', (cause) => fail(failure(`${program} could not be started: ${cause.message}`, cause)));
  });
  const code = await Promise.race([ended, stop]);
  if (code === undefined) {
    envoy.kill('SIGTERM');
    await ended;
  } else if (code !== 0) throw failure(`${program} ended with code ${code}`);
}

function failure(message: string, cause?: unknown): WeftError {
  return new WeftError(message, { source: 'agent', retryable: true, cause });
}

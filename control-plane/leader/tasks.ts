import { Backoff } from '../../common/runtime/backoff.js';
import type { Clock, Random } from '../../common/runtime/clock.js';
import { messageOf } from '../../common/runtime/errors.js';
import type { Logger } from '../../common/runtime/log.js';
import { pause } from '../../common/runtime/pause.js';

/** Something that only the leader does: for as long as `signal` is not aborted. It writes nothing after that. */
export interface LeaderTask {
  readonly name: string;
  run(signal: AbortSignal): Promise<void>;
}

/** Runs a task for one leadership; when it fails or ends, again, after a pause. Never rejects. */
export async function runTask(
  task: LeaderTask,
  signal: AbortSignal,
  { clock, random, log }: { readonly clock: Clock; readonly random: Random; readonly log: Logger },
): Promise<void> {
  const backoff = new Backoff({ baseMs: 1000, maxMs: 30_000, random });
  while (!signal.aborted) {
    try {
      await task.run(signal);
    } catch (error) {
      if (!signal.aborted)
        log.error({ err: error, task: task.name, reason: messageOf(error) }, 'a task of the leader failed');
    }
    await pause(clock, backoff.next(), signal);
  }
}

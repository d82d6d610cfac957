import type { Clock, Random, Timer } from '../../common/runtime/clock.js';

/** What a client may be late with its new token. */
const GRACE_MS = 30_000;
/** Tokens that were issued together do not end all their streams together. */
const SPREAD_MS = 60_000;
/** Timers hold no more than 31 bits. */
const MAX_WAIT_MS = 2 ** 31 - 1;

/** Calls back once, a while after `expiresAt` (milliseconds since the epoch): a stream lives no longer than its proof. */
export function atExpiry(expiresAt: number, clock: Clock, random: Random, expired: () => void): Timer {
  const end = expiresAt + GRACE_MS + random() * SPREAD_MS;
  let timer: Timer;
  const wait = (): void => {
    const left = end - clock.now();
    timer = clock.after(Math.max(0, Math.min(left, MAX_WAIT_MS)), () => (end <= clock.now() ? expired() : wait()));
  };
  wait();
  return { cancel: () => timer.cancel() };
}

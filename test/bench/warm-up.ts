import { http1Order } from './closed-loop.js';
import type { Contender } from './contender.js';
import type { LoadReady, LoadReport } from './load/closed-loop.js';
import type { LoadOrder } from './load/http1.js';
import { LoadProcess } from './processes.js';
import { WARM_UP_MS } from './rounds.js';
import type { Context } from './scenario.js';

const CONNECTIONS = 32;

/**
 * Every side at full load, for scenarios that ask little of it: V8 compiles what has run so and so often, and at 1,000 requests
 * a second that takes the better part of a minute.
 */
export async function warmUp(context: Context, contenders: readonly Contender[]): Promise<void> {
  if (context.smoke) return;
  const load: LoadProcess<LoadOrder, LoadReport, LoadReady> = await LoadProcess.start('http1');
  try {
    for (const { port } of contenders)
      context.countErrors((await load.run(http1Order(CONNECTIONS)(port, WARM_UP_MS))).errors);
  } finally {
    load.stop();
  }
}

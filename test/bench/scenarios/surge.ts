import { meshChain } from '../chains.js';
import { kindsHere } from '../closed-loop.js';
import { Contender } from '../contender.js';
import type { Figure } from '../figures.js';
import { Worker } from '../jobs.js';
import type { Scenario } from '../scenario.js';

const RATE = 500;
const TIMES = 8;
const CONNECTIONS = 8;
const SMALL_BYTES = 1024;
const SURGE_MS = 300_000;
const SHORT_MS = 30_000;
const SETTLE_MS = 10_000;
const SMOKE = 300;
/** With them the whole of it is worth its time. */
const FULL_ROUNDS = 7;

/** In full it takes five minutes a side; with fewer rounds than usual, and in a smoke run, it is shorter. */
export const surge: Scenario = {
  name: 'surge',
  title: `${RATE} requests per second through both sidecars over mTLS, then ${TIMES} times as many on ${TIMES} times the connections, then as before`,
  run: async (context) => {
    const worker = await Worker.start(context);
    const application = await worker.run('serve bytes', SMALL_BYTES);
    const chain = await meshChain(context);
    const surgeMs = context.smoke ? SMOKE : context.rounds >= FULL_ROUNDS ? SURGE_MS : SHORT_MS;
    const calmMs = context.smoke ? SMOKE : SETTLE_MS;
    const growth: Record<string, number[]> = {};
    const lost: Record<string, number[]> = {};
    for (const kind of kindsHere(context, ['weft', 'envoy'])) {
      const contender = await Contender.start(context, { kind, chain, application });
      let errors = 0;
      const drive = async (times: number, ms: number): Promise<number> => {
        const order = {
          port: contender.port,
          connections: CONNECTIONS * times,
          hosts: ['echo:9080'],
          ms,
          rate: RATE * times,
        };
        const report = await worker.run('hosts', order);
        contender.check();
        errors += report.errors;
        const { residentMb } = contender.memory();
        context.say(
          `${kind}: ${(report.requests / report.seconds).toFixed(0)} requests/s, ${residentMb.toFixed(0)} MB resident`,
        );
        return residentMb;
      };
      const before = await drive(1, calmMs);
      await drive(TIMES, surgeMs);
      const afterwards = await drive(1, calmMs);
      growth[kind] = [(100 * (afterwards - before)) / before];
      lost[kind] = [errors];
      context.countErrors(errors);
      await contender.stop();
    }
    const figures: Figure[] = [
      {
        ...{ label: 'resident memory afterwards, more than before', unit: '%', better: 'less', digits: 1 },
        values: growth,
        targets: [{ absoluteAtMost: 10 }],
      },
      { label: 'requests lost', unit: '', better: 'less', digits: 0, values: lost, targets: [{ absoluteAtMost: 0 }] },
    ];
    return figures;
  },
};

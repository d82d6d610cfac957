import { meshChain } from '../chains.js';
import { kindsHere } from '../closed-loop.js';
import { Contender } from '../contender.js';
import { toFigures } from '../figures.js';
import { Worker } from '../jobs.js';
import { inTurns } from '../rounds.js';
import type { Scenario } from '../scenario.js';
import { warmUp } from '../warm-up.js';

const CALLS = 47;
const RATE = 50;
const SMALL_BYTES = 1024;

export const fanOut: Scenario = {
  name: 'fan-out',
  title: `${RATE} requests per second, each of them ${CALLS} calls at once through both sidecars over mTLS`,
  run: async (context) => {
    const worker = await Worker.start(context);
    const application = await worker.run('serve bytes', SMALL_BYTES);
    const chain = await meshChain(context);
    const contenders: Contender[] = [];
    for (const kind of kindsHere(context, ['weft', 'envoy', 'envoy-h2'])) {
      contenders.push(await Contender.start(context, { kind, chain, application }));
    }
    const order = { calls: CALLS, rate: RATE };
    await warmUp(context, contenders);
    const rounds = await inTurns(context, contenders, async (contender, ms) => {
      // Without a proxy, in the same moment: what is left is the proxies'.
      const direct = await worker.run('fan out', { ...order, port: application, ms: ms / 3 });
      const before = contender.cpuMicros();
      const report = await worker.run('fan out', { ...order, port: contender.port, ms });
      contender.check();
      context.countErrors(report.errors + direct.errors);
      const p50 = Math.max(0, report.p50 - direct.p50);
      const p99 = Math.max(0, report.p99 - direct.p99);
      const cpu = (contender.cpuMicros() - before) / report.calls;
      context.say(
        `${contender.name}: p50 +${p50.toFixed(1)} ms, p99 +${p99.toFixed(1)} ms, ${cpu.toFixed(1)} µs CPU per call`,
      );
      return { p50, p99, cpu };
    });
    return toFigures(rounds, {
      p50: { label: 'added latency, p50', unit: 'ms', better: 'less', digits: 2 },
      p99: {
        ...{ label: 'added latency, p99', unit: 'ms', better: 'less', digits: 2 },
        targets: [{ against: 'envoy', ratioAtMost: 0.7 }],
      },
      cpu: { label: 'CPU per call', unit: 'µs', better: 'less', digits: 1 },
    });
  },
};

import { relayBootstrap } from '../bootstrap.js';
import { kindsHere } from '../closed-loop.js';
import { Contender } from '../contender.js';
import { toFigures } from '../figures.js';
import { inTurns } from '../rounds.js';
import type { Scenario } from '../scenario.js';

/** Nobody sends anything. */
const NO_APPLICATION = 9;

export const start: Scenario = {
  name: 'start',
  title: 'from the start of the process to readiness, with a bootstrap that has everything in it',
  run: async (context) => {
    const sides = kindsHere(context, ['weft', 'envoy']).map((kind) => ({ name: kind, kind }));
    const rounds = await inTurns(context, sides, async ({ kind }) => {
      const contender = await Contender.start(context, { kind, chain: [relayBootstrap], application: NO_APPLICATION });
      const sample = { ms: contender.startMs, cpu: contender.cpuMicros() / 1000, ...contender.memory() };
      await contender.stop();
      context.say(`${kind}: ${sample.ms.toFixed(0)} ms, ${sample.cpu.toFixed(0)} ms of processor time`);
      return sample;
    });
    return toFigures(rounds, {
      ms: { label: 'until ready', unit: 'ms', better: 'less', digits: 0 },
      cpu: { label: 'CPU', unit: 'ms', better: 'less', digits: 0 },
      residentMb: { label: 'resident', unit: 'MB', better: 'less', digits: 0 },
      anonymousMb: { label: '  anonymous', unit: 'MB', better: 'less', digits: 0 },
    });
  },
};

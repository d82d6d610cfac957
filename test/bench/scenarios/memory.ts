import type { Contender } from '../contender.js';
import { type FigureSpec, type Target, toFigures } from '../figures.js';
import { startOpenLoop } from '../open-loop.js';
import { type Memory, memoryOf } from '../proc.js';
import { inTurns } from '../rounds.js';
import type { Scenario } from '../scenario.js';

const MB: Omit<FigureSpec, 'label'> = { unit: 'MB', better: 'less', digits: 0 };
/** What Node itself holds grew with version 26. */
const residentLimit = (nodeMajor: number): number => (nodeMajor >= 26 ? 90 : 80);

export const memory: Scenario = {
  name: 'memory',
  title: 'one sidecar, the larger of the two, with mTLS at 1,000 requests a second',
  run: async (context) => {
    const { contenders, drive } = await startOpenLoop(context, ['weft', 'envoy']);
    const idle = new Map(contenders.map((contender) => [contender.name, largest(contender)]));
    const rounds = await inTurns(context, contenders, async (contender, ms) => {
      await drive(contender, ms);
      const { residentMb, anonymousMb, proportionalMb } = largest(contender);
      context.say(`${contender.name}: ${residentMb.toFixed(0)} MB, ${anonymousMb.toFixed(0)} of it anonymous`);
      const idleMb = idle.get(contender.name)?.residentMb ?? 0;
      return { residentMb, anonymousMb, proportionalMb, idleMb };
    });
    const against = (ratioAtMost: number): Target => ({ against: 'envoy', ratioAtMost });
    return toFigures(rounds, {
      residentMb: {
        ...{ label: 'resident', ...MB },
        targets: [against(1.4), { absoluteAtMost: residentLimit(context.nodeMajor) }],
      },
      anonymousMb: { label: '  anonymous', ...MB, targets: [against(2)] },
      proportionalMb: { label: '  proportional', ...MB },
      idleMb: { label: 'resident before the first request', ...MB },
    });
  },
};

function largest(contender: Contender): Memory {
  const [first, ...others] = contender.pids.map((pid) => memoryOf([pid]));
  if (first === undefined) throw new Error(`${contender.name} has no proxy`);
  return others.reduce((most, one) => (one.residentMb > most.residentMb ? one : most), first);
}

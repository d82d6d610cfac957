import { type FigureSpec, toFigures } from '../figures.js';
import { startOpenLoop } from '../open-loop.js';
import { inTurns } from '../rounds.js';
import type { Scenario } from '../scenario.js';

const percentile = (label: string): FigureSpec => ({
  ...{ label, unit: 'ms', better: 'less', digits: 2 },
  targets: [
    { against: 'envoy', ratioAtMost: 1 },
    { against: 'envoy-h2', ratioAtMost: 1 },
  ],
});

export const openLoop: Scenario = {
  name: 'open-loop',
  title: "client's and server's sidecar over mTLS, 1,000 requests a second whatever the answers do, 32 connections",
  run: async (context) => {
    const { contenders, warmUp, drive } = await startOpenLoop(context, ['weft', 'envoy', 'envoy-h2']);
    await warmUp();
    const rounds = await inTurns(context, contenders, async (contender, ms) => {
      const before = contender.cpuMicros();
      const { requests, p50, p90, p99, p999, latenessP99 } = await drive(contender, ms);
      const cpu = (contender.cpuMicros() - before) / requests;
      context.say(
        `${contender.name}: ${[p50, p99, p999].map((value) => value.toFixed(2)).join(', ')} ms (generator late by ${latenessP99.toFixed(2)}), ${cpu.toFixed(0)} µs`,
      );
      return { p50, p90, p99, p999, cpu };
    });
    return toFigures(rounds, {
      p50: percentile('p50'),
      p90: { ...percentile('p90'), targets: [] },
      p99: percentile('p99'),
      p999: percentile('p99.9'),
      cpu: { label: 'CPU per request', unit: 'µs', better: 'less', digits: 1 },
    });
  },
};

import { meshChain } from '../chains.js';
import { kindsHere } from '../closed-loop.js';
import { Contender } from '../contender.js';
import { type FigureSpec, type Target, toFigures } from '../figures.js';
import { Worker } from '../jobs.js';
import { inTurns } from '../rounds.js';
import type { Scenario } from '../scenario.js';

const MIB = 1024 * 1024;
const MICROS = 1_000_000;
const CONNECTIONS = 8;

const targets: Target[] = [{ against: 'envoy', ratioAtLeast: 0.9 }];
const perCore = (what: string): FigureSpec => ({
  ...{ label: `MiB per second of CPU, ${what}`, unit: '', better: 'more', digits: 0 },
  targets,
});
const rate = (what: string): FigureSpec => ({ label: `MiB per second, ${what}`, unit: '', better: 'more', digits: 0 });

export const bodies: Scenario = {
  name: 'bodies',
  title: "bodies of 1 MiB through client's and server's sidecar over mTLS, 8 connections",
  run: async (context) => {
    const worker = await Worker.start(context);
    const small = await worker.run('serve bytes', 2);
    const large = await worker.run('serve bytes', MIB);
    const chain = await meshChain(context);
    const pairs: { name: string; down: Contender; up: Contender }[] = [];
    for (const kind of kindsHere(context, ['weft', 'envoy', 'envoy-h2'])) {
      const down = await Contender.start(context, { kind, chain, application: large });
      pairs.push({ name: kind, down, up: await Contender.start(context, { kind, chain, application: small }) });
    }
    const drive = async (contender: Contender, upload: number, ms: number): Promise<[number, number]> => {
      const before = contender.cpuMicros();
      const report = await worker.run('bodies', { port: contender.port, connections: CONNECTIONS, ms, upload });
      contender.check();
      context.countErrors(report.errors);
      const cpu = contender.cpuMicros() - before;
      context.say(
        `${contender.name}: ${report.requests} MiB ${upload > 0 ? 'up' : 'down'}, ${(cpu / 1000).toFixed(0)} ms CPU`,
      );
      return [(report.requests * MICROS) / cpu, report.requests / report.seconds];
    };
    const measure = async ({ down, up }: (typeof pairs)[number], ms: number) => {
      const [downPerCore, downRate] = await drive(down, 0, ms / 2);
      const [upPerCore, upRate] = await drive(up, MIB, ms / 2);
      return { downPerCore, downRate, upPerCore, upRate };
    };
    const rounds = await inTurns(context, pairs, measure, 2);
    return toFigures(rounds, {
      downPerCore: perCore('answers'),
      downRate: rate('answers'),
      upPerCore: perCore('requests'),
      upRate: rate('requests'),
    });
  },
};

import { meshChain } from './chains.js';
import { kindsHere } from './closed-loop.js';
import { Contender } from './contender.js';
import { fortio } from './fortio.js';
import type { LoadReady } from './load/closed-loop.js';
import type { OpenLoopOrder, OpenLoopReport } from './load/open-loop.js';
import { LoadProcess } from './processes.js';
import type { Context } from './scenario.js';
import { warmUp } from './warm-up.js';

type Load = LoadProcess<OpenLoopOrder, OpenLoopReport, LoadReady>;

const RATE = 1000;
const CONNECTIONS = 32;

export interface OpenLoop {
  readonly contenders: readonly Contender[];
  /** At full load, before latencies are measured. */
  readonly warmUp: () => Promise<void>;
  /** 1,000 requests a second for so long, over 32 connections. @throws Error when the rate was not kept. */
  readonly drive: (contender: Contender, ms: number) => Promise<OpenLoopReport>;
}

/** Both sidecars of ours and of Envoy's, and a load that does not wait for them. */
export async function startOpenLoop(context: Context, kinds: Parameters<typeof kindsHere>[1]): Promise<OpenLoop> {
  const load: Load = await LoadProcess.start('open-loop');
  context.defer(() => load.stop());
  const chain = await meshChain(context);
  const contenders: Contender[] = [];
  for (const kind of kindsHere(context, kinds)) {
    contenders.push(await Contender.start(context, { kind, chain, application: load.ready.port }));
  }
  const drive = async (contender: Contender, ms: number): Promise<OpenLoopReport> => {
    const order: OpenLoopOrder = { port: contender.port, connections: CONNECTIONS, rate: RATE, ms };
    const report = context.fortio === undefined ? await load.run(order) : await fortio(context.fortio, order);
    contender.check();
    if (report.requests === 0) throw new Error(`${contender.name} answered no request`);
    context.countErrors(report.errors);
    return report;
  };
  return { contenders, warmUp: () => warmUp(context, contenders), drive };
}

import { meshChain } from '../chains.js';
import { kindsHere } from '../closed-loop.js';
import { Contender } from '../contender.js';
import { type FigureSpec, type Rounds, toFigures } from '../figures.js';
import { Worker } from '../jobs.js';
import { inTurns } from '../rounds.js';
import type { Context, Scenario } from '../scenario.js';

const MICROS = 1_000_000;

interface Calls {
  readonly streams: number;
  /** Messages of an answer. */
  readonly messages: number;
}

type Key = 'cpu' | 'rate' | 'perCore' | 'p50' | 'p99';

/** gRPC on one connection through both sidecars, over mTLS between them. */
async function grpc(context: Context, { streams, messages }: Calls): Promise<Rounds<Key>> {
  const worker = await Worker.start(context);
  const application = await worker.run('serve grpc', messages === 1 ? 0 : messages);
  const chain = await meshChain(context, 'http2');
  const contenders: Contender[] = [];
  for (const kind of kindsHere(context, ['weft', 'envoy-h2'])) {
    contenders.push(await Contender.start(context, { kind, chain, application }));
  }
  return inTurns<Contender, Key>(context, contenders, async (contender, ms) => {
    const before = contender.cpuMicros();
    const report = await worker.run('grpc', { port: contender.port, connections: 1, streams, ms, messages });
    contender.check();
    if (report.messages === 0) throw new Error(`${contender.name} answered no call`);
    context.countErrors(report.errors);
    const cpu = (contender.cpuMicros() - before) / report.messages;
    const rate = report.messages / report.seconds;
    context.say(`${contender.name}: ${cpu.toFixed(1)} µs CPU per message, ${rate.toFixed(0)} messages/s`);
    return { cpu, rate, perCore: MICROS / cpu, p50: report.p50, p99: report.p99 };
  });
}

const latency = (label: string): FigureSpec => ({ label, unit: 'ms', better: 'less', digits: 2 });

export const grpcUnary: Scenario = {
  name: 'grpc-unary',
  title: 'gRPC through both sidecars over mTLS, 32 calls at once on one connection, messages of 100 bytes',
  run: async (context) =>
    toFigures<Key>(await grpc(context, { streams: 32, messages: 1 }), {
      cpu: {
        label: 'CPU per call',
        unit: 'µs',
        better: 'less',
        digits: 1,
        targets: [{ against: 'envoy-h2', ratioAtMost: 0.6 }],
      },
      rate: { label: 'calls per second', unit: '', better: 'more', digits: 0 },
      p50: latency('p50'),
      p99: latency('p99'),
    }),
};

const STREAMED = 1000;

export const grpcStreaming: Scenario = {
  name: 'grpc-streaming',
  title: 'gRPC server streaming through both sidecars over mTLS, 8 calls at once, 1,000 messages of 100 bytes in each',
  run: async (context) =>
    toFigures<Key>(await grpc(context, { streams: 8, messages: STREAMED }), {
      perCore: {
        label: 'messages per second of CPU',
        unit: '',
        better: 'more',
        digits: 0,
        targets: [{ against: 'envoy-h2', ratioAtLeast: 1 }],
      },
      rate: { label: 'messages per second', unit: '', better: 'more', digits: 0 },
    }),
};

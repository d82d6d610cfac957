import { serverBootstrap } from '../bootstrap.js';
import { kindsHere } from '../closed-loop.js';
import { Contender } from '../contender.js';
import { type FigureSpec, type Target, toFigures } from '../figures.js';
import { createIdentities } from '../identities.js';
import { Worker } from '../jobs.js';
import { inTurns } from '../rounds.js';
import type { Scenario } from '../scenario.js';

const MICROS = 1_000_000;
const CONNECTIONS = 8;
const SMALL_BYTES = 100;

const perCore = (label: string, ratioAtLeast: number): FigureSpec => {
  const targets: Target[] = [{ against: 'envoy', ratioAtLeast }];
  return { label, unit: '', better: 'more', digits: 0, targets };
};

/** The client is the load generator: who decides about resumption is not who is measured. */
export const handshakes: Scenario = {
  name: 'handshakes',
  title: "a new mTLS connection for every request to a server's sidecar, 8 at once",
  run: async (context) => {
    const worker = await Worker.start(context);
    const application = await worker.run('serve bytes', SMALL_BYTES);
    const { client, server } = await createIdentities(context.folder);
    const contenders: Contender[] = [];
    for (const kind of kindsHere(context, ['weft', 'envoy'])) {
      const chain = [(place: Parameters<typeof serverBootstrap>[0]) => serverBootstrap(place, server, client.uri)];
      contenders.push(await Contender.start(context, { kind, chain, application }));
    }
    const drive = async (
      contender: Contender,
      resume: boolean,
      ms: number,
    ): Promise<{ rate: number; share: number }> => {
      const before = contender.cpuMicros();
      const order = { port: contender.port, connections: CONNECTIONS, ms, tls: client, resume };
      const report = await worker.run('handshakes', order);
      contender.check();
      context.countErrors(report.errors);
      const rate = (report.handshakes * MICROS) / (contender.cpuMicros() - before);
      const share = (100 * report.resumed) / report.handshakes;
      context.say(`${contender.name}: ${rate.toFixed(0)} handshakes per second of CPU, ${share.toFixed(0)} % resumed`);
      return { rate, share };
    };
    const measure = async (contender: Contender, ms: number) => {
      const full = await drive(contender, false, ms / 2);
      const resumed = await drive(contender, true, ms / 2);
      return { full: full.rate, resumed: resumed.rate, share: resumed.share };
    };
    const rounds = await inTurns(context, contenders, measure, 2);
    return toFigures(rounds, {
      full: perCore('full handshakes per second of CPU', 0.9),
      resumed: perCore('resumed ones per second of CPU', 1),
      share: { label: '  were resumed', unit: '%', better: 'more', digits: 0 },
    });
  },
};

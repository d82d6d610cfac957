import { readFileSync } from 'node:fs';
import { type Kind, relayBootstrap, serverBootstrap } from '../bootstrap.js';
import { kindsHere } from '../closed-loop.js';
import { Contender, type MakeBootstrap } from '../contender.js';
import type { Figure, Target } from '../figures.js';
import { createIdentities, type Identity } from '../identities.js';
import { Worker } from '../jobs.js';
import type { Context, Scenario } from '../scenario.js';

const CONNECTIONS = 10_000;
const SMOKE_CONNECTIONS = 100;
/** Of a process, beside the connections that are counted. */
const OTHER_FILES = 300;
const WARM_UP = 64;
const SETTLE_MS = 3000;
const SMALL_BYTES = 100;
const KB_PER_MB = 1024;

/** What every process may have open: Node raises its own limit, and hands it on. */
function mostConnections(): number {
  const limits = readFileSync('/proc/self/limits', 'utf8');
  const files = Number(/^Max open files\s+(\d+)/m.exec(limits)?.[1] ?? 1024);
  return Math.max(WARM_UP, files - OTHER_FILES);
}

interface Way {
  readonly what: string;
  readonly chain: readonly MakeBootstrap[];
  readonly tls?: Identity;
  readonly ratioAtMost: number;
}

async function perConnection(context: Context, way: Way, count: number): Promise<Figure> {
  const values: Record<string, number[]> = {};
  for (const kind of kindsHere(context, ['weft', 'envoy'])) {
    values[kind] = [await measure(context, kind, way, count)];
  }
  const targets: Target[] = [{ against: 'envoy', ratioAtMost: way.ratioAtMost }];
  return { label: `memory per connection, ${way.what}`, unit: 'KB', better: 'less', digits: 1, values, targets };
}

/** KB of anonymous memory. */
async function measure(context: Context, kind: Kind, { chain, tls, what }: Way, count: number): Promise<number> {
  const worker = await Worker.start(context);
  const application = await worker.run('serve bytes', SMALL_BYTES);
  const contender = await Contender.start(context, { kind, chain, application });
  const order = { port: contender.port, ...(tls !== undefined && { tls }) };
  await worker.run('open idle', { ...order, connections: WARM_UP });
  await worker.run('close idle', undefined);
  const settled = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, context.smoke ? 100 : SETTLE_MS));
  await settled();
  const before = contender.memory();
  const opened = await worker.run('open idle', { ...order, connections: count });
  await settled();
  const after = contender.memory();
  const closed = await worker.run('close idle', undefined);
  contender.check();
  context.countErrors(opened.errors + closed.errors);
  context.say(
    `${kind}: ${closed.open} connections, ${what}: ${before.anonymousMb.toFixed(0)} MB before, ${after.anonymousMb.toFixed(0)} MB with them`,
  );
  await contender.stop();
  return ((after.anonymousMb - before.anonymousMb) * KB_PER_MB) / Math.max(1, closed.open);
}

export const idle: Scenario = {
  name: 'idle',
  title: '10,000 client connections, each idle after its first request',
  run: async (context) => {
    const { client, server } = await createIdentities(context.folder);
    const count = Math.min(context.smoke ? SMOKE_CONNECTIONS : CONNECTIONS, mostConnections());
    if (!context.smoke && count < CONNECTIONS) context.say(`${count} connections only: raise the limit of open files`);
    return [
      await perConnection(context, { what: 'plain', chain: [(place) => relayBootstrap(place)], ratioAtMost: 1 }, count),
      await perConnection(
        context,
        {
          what: 'mTLS',
          chain: [(place) => serverBootstrap(place, server, client.uri)],
          tls: client,
          ratioAtMost: 1.2,
        },
        count,
      ),
    ];
  },
};

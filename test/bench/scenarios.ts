import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { clientBootstrap, relayBootstrap, type Side, serverBootstrap } from './bootstrap.js';
import { Contender, type MakeBootstrap, type Measurement, type Start } from './contender.js';
import { createIdentities } from './identities.js';
import { LoadProcess } from './processes.js';

export interface Results {
  readonly starts: readonly Start[];
  readonly rounds: readonly Measurement[];
}

export interface RunOptions {
  readonly node: string;
  /** undefined: only our side is measured. */
  readonly envoy: string | undefined;
  readonly rounds: number;
  readonly roundMs: number;
  readonly connections: number;
  readonly onRound: (measurement: Measurement) => void;
}

/** The proxies of a scenario in the order in which a request passes them; `folder` is for its secrets. */
type Scenario = (folder: string) => Promise<readonly MakeBootstrap[]>;

export const SCENARIOS: Readonly<Record<string, Scenario>> = {
  relay: async () => [relayBootstrap],
  mesh: async (folder) => {
    const { client, server } = await createIdentities(folder);
    return [
      (place) => clientBootstrap(place, client, server.uri),
      (place) => serverBootstrap(place, server, client.uri),
    ];
  },
};

const LOAD_CPU = 0;
const MAX_WARM_UP_MS = 5000;

/** Measures a scenario: both sides started once, warmed up, then in turns, so that a busy machine is busy for both. */
export async function run(scenario: Scenario, options: RunOptions): Promise<Results> {
  const folder = mkdtempSync(join(tmpdir(), 'weft-bench-'));
  // It holds private keys: nothing of it stays when the bench is interrupted.
  const remove = (): void => rmSync(folder, { recursive: true, force: true });
  process.once('exit', remove);
  const contenders: Contender[] = [];
  let load: LoadProcess | undefined;
  try {
    load = await LoadProcess.start(fileURLToPath(new URL('./load.js', import.meta.url)), LOAD_CPU);
    const chain = await scenario(folder);
    const sides: Side[] = options.envoy === undefined ? ['weft'] : ['weft', 'envoy'];
    const programs = { node: options.node, envoy: options.envoy, folder };
    for (const side of sides) contenders.push(await Contender.start(side, programs, chain, load.port));
    const { connections, roundMs } = options;
    for (const contender of contenders) {
      await contender.measure(load, connections, Math.min(2 * roundMs, MAX_WARM_UP_MS));
    }
    const rounds: Measurement[] = [];
    for (let round = 0; round < options.rounds; round++) {
      for (const contender of contenders) {
        const measurement = await contender.measure(load, connections, roundMs);
        options.onRound(measurement);
        rounds.push(measurement);
      }
    }
    return { starts: contenders.map((contender) => contender.start), rounds };
  } finally {
    await Promise.all(contenders.map((contender) => contender.stop()));
    load?.stop();
    remove();
    process.off('exit', remove);
  }
}

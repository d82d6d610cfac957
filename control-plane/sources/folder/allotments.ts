import { createServer } from 'node:net';
import type { Random } from '../../../common/runtime/clock.js';
import { WeftError } from '../../../common/runtime/errors.js';
import type { PortAllotments, SidecarPorts } from '../../model/allotment.js';
import type { ConfigSet } from '../source.js';
import { type KeptAllotments, type KeptPorts, loadAllotments, saveAllotments } from './allotment-state.js';
import { claimedPorts, type SidecarWorkload, sidecarWorkloads } from './application-ports.js';

export interface AllotterOptions {
  /** Where ports are kept, mode 0600; `STATE/ports.json`. */
  readonly stateFile: string;
  /** Whether nothing listens on a port; by default it is tried on 127.0.0.1. */
  readonly isFree?: (port: number) => Promise<boolean>;
  readonly random?: Random;
  readonly onWarning?: (message: string) => void;
}

/** Below the ports that systems give to outgoing connections (Linux 32768 up, others 49152), so that none gets in the way. */
const FIRST_PORT = 20_000;
const LAST_PORT = 31_999;
/** Ports of workloads that are gone are kept for their return; no more than this many. */
const MAX_GONE = 500;

/**
 * Gives every sidecar its ports, the same at every start and after every edit. Calls are worked off one after the other.
 */
export class PortAllotter {
  readonly #options: AllotterOptions;
  readonly #isFree: (port: number) => Promise<boolean>;
  readonly #random: Random;
  #kept: Map<string, KeptPorts> | undefined;
  #claimed: ReadonlySet<number> = new Set();
  #workloads: readonly SidecarWorkload[] = [];
  #turn: Promise<unknown> = Promise.resolve();

  constructor(options: AllotterOptions) {
    this.#options = options;
    this.#isFree = options.isFree ?? isPortFree;
    this.#random = options.random ?? Math.random;
  }

  /** The allotments for a set of configuration. Rejects when the state file cannot be written, or when no port is left. */
  update(set: ConfigSet): Promise<PortAllotments> {
    return this.#inTurn(async (kept) => {
      this.#workloads = sidecarWorkloads(set);
      this.#claimed = claimedPorts(set);
      return this.#allot(kept);
    });
  }

  /** Gives a workload another port in place of one that turned out to be taken. Unknown ones change nothing. */
  reallot(workload: string, port: number): Promise<PortAllotments> {
    return this.#inTurn(async (kept) => {
      const current = kept.get(workload);
      if (current !== undefined) {
        const changed = await this.#replace(current, port, kept);
        kept.set(workload, changed);
        await saveAllotments(this.#options.stateFile, kept);
      }
      return this.#allot(kept);
    });
  }

  #inTurn<T>(work: (kept: Map<string, KeptPorts>) => Promise<T>): Promise<T> {
    const result = this.#turn.then(async () => work(await this.#load()));
    this.#turn = result.catch(() => undefined);
    return result;
  }

  async #load(): Promise<Map<string, KeptPorts>> {
    if (this.#kept !== undefined) return this.#kept;
    const { kept, fault } = await loadAllotments(this.#options.stateFile);
    if (fault !== undefined) this.#options.onWarning?.(fault);
    this.#kept = withoutDoubles(kept);
    return this.#kept;
  }

  async #allot(kept: Map<string, KeptPorts>): Promise<PortAllotments> {
    const allotments = new Map<string, SidecarPorts>();
    let changed = false;
    for (const { key, address, ports, gateway } of this.#workloads) {
      const before = kept.get(key);
      const inbound = new Map<number, number>();
      const taken = takenPorts(kept, this.#claimed);
      const next = async (known: number | undefined): Promise<number> => {
        if (known !== undefined && !this.#claimed.has(known)) return known;
        changed = true;
        return this.#pick(taken);
      };
      for (const port of ports) inbound.set(port, await next(before?.inbound[port]));
      const outbound = await next(before?.outbound);
      const admin = await next(before?.admin);
      // Ports of application ports that are gone are kept too: a port that comes back is the same.
      kept.set(key, { inbound: { ...before?.inbound, ...Object.fromEntries(inbound) }, outbound, admin });
      allotments.set(key, {
        kind: 'ports',
        workload: key,
        address,
        inbound,
        outbound,
        admin,
        ...(gateway === true && { gateway }),
      });
    }
    if (forgetGone(kept, allotments) || changed) await saveAllotments(this.#options.stateFile, kept);
    return allotments;
  }

  async #replace(ports: KeptPorts, port: number, kept: KeptAllotments): Promise<KeptPorts> {
    const taken = takenPorts(kept, this.#claimed);
    const swap = async (known: number): Promise<number> => (known === port ? this.#pick(taken) : known);
    const inbound: Record<string, number> = {};
    for (const [application, known] of Object.entries(ports.inbound)) inbound[application] = await swap(known);
    return { inbound, outbound: await swap(ports.outbound), admin: await swap(ports.admin) };
  }

  /** A free port, which is taken from then on. Starts anywhere, so that two meshes on one machine seldom meet. */
  async #pick(taken: Set<number>): Promise<number> {
    const count = LAST_PORT - FIRST_PORT + 1;
    const start = Math.floor(this.#random() * count);
    for (let i = 0; i < count; i++) {
      const port = FIRST_PORT + ((start + i) % count);
      if (taken.has(port)) continue;
      taken.add(port);
      if (await this.#isFree(port)) return port;
    }
    throw new WeftError(`no free port from ${FIRST_PORT} to ${LAST_PORT}`, {
      source: 'port allotments',
      retryable: true,
    });
  }
}

function takenPorts(kept: KeptAllotments, claimed: ReadonlySet<number>): Set<number> {
  const taken = new Set(claimed);
  for (const { inbound, outbound, admin } of kept.values()) {
    for (const port of [...Object.values(inbound), outbound, admin]) taken.add(port);
  }
  return taken;
}

/** A state file that was edited or merged by hand may give a port twice: the second owner gets new ones. */
function withoutDoubles(kept: KeptAllotments): Map<string, KeptPorts> {
  const seen = new Set<number>();
  const sound = new Map<string, KeptPorts>();
  for (const [key, ports] of kept) {
    const all = [...Object.values(ports.inbound), ports.outbound, ports.admin];
    if (all.some((port) => seen.has(port)) || new Set(all).size < all.length) continue;
    for (const port of all) seen.add(port);
    sound.set(key, ports);
  }
  return sound;
}

/** Forgets the oldest of the workloads that are gone; true when there were too many. */
function forgetGone(kept: Map<string, KeptPorts>, present: PortAllotments): boolean {
  const gone = [...kept.keys()].filter((key) => !present.has(key));
  const surplus = gone.slice(0, Math.max(0, gone.length - MAX_GONE));
  for (const key of surplus) kept.delete(key);
  return surplus.length > 0;
}

/** Whether a port can be listened on at 127.0.0.1. */
export function isPortFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => server.close(() => resolve(true)));
  });
}

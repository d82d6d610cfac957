import { lookup } from 'node:dns/promises';
import type { Clock, Timer } from '../../common/runtime/clock.js';
import { messageOf } from '../../common/runtime/errors.js';
import type { Logger } from '../../common/runtime/log.js';

export interface GatewayNamesOptions {
  /** Every address of a name; rejects where it has none. */
  readonly resolve: (name: string) => Promise<readonly string[]>;
  /** Addresses have come or changed. */
  readonly onChange: () => void;
  readonly clock: Clock;
  readonly log: Logger;
}

/** The resolver of the machine tells no TTL. */
const REFRESH_MS = 30_000;
const RETRY_MS = 5_000;
/** How long a configuration waits for names that nobody has asked for before. */
const FIRST_WAIT_MS = 1_000;

interface Wanted {
  addresses: readonly string[];
  failing: boolean;
  timer: Timer | undefined;
}

/** Looks up the gateways of networks that are given by host name, again and again; the last answer serves while none comes. */
export class GatewayNames {
  readonly #wanted = new Map<string, Wanted>();
  #state: ReadonlyMap<string, readonly string[]> = new Map();
  #waiting = 0;

  constructor(private readonly options: GatewayNamesOptions) {}

  /** What is known of these names, and no others; the same object as before where nothing has changed. */
  async of(names: readonly string[]): Promise<ReadonlyMap<string, readonly string[]>> {
    for (const [name, entry] of this.#wanted) {
      if (names.includes(name)) continue;
      entry.timer?.cancel();
      this.#wanted.delete(name);
    }
    const fresh = names.filter((name) => !this.#wanted.has(name)).map((name) => this.#add(name));
    if (fresh.length > 0) await this.#patience(fresh);
    this.#publish();
    return this.#state;
  }

  #add(name: string): Promise<void> {
    const entry: Wanted = { addresses: [], failing: false, timer: undefined };
    this.#wanted.set(name, entry);
    return this.#refresh(name, entry);
  }

  async #patience(first: readonly Promise<void>[]): Promise<void> {
    this.#waiting++;
    let timer: Timer | undefined;
    const enough = new Promise<void>((resolve) => {
      timer = this.options.clock.after(FIRST_WAIT_MS, resolve);
    });
    await Promise.race([Promise.all(first), enough]);
    timer?.cancel();
    this.#waiting--;
  }

  async #refresh(name: string, entry: Wanted): Promise<void> {
    const { clock, log, onChange, resolve } = this.options;
    const before = entry.addresses.join();
    try {
      entry.addresses = [...(await resolve(name))].sort();
      entry.failing = false;
    } catch (error) {
      if (!entry.failing) log.warn({ name, reason: messageOf(error) }, 'the gateway of a network cannot be looked up');
      entry.failing = true;
    }
    if (this.#wanted.get(name) !== entry) return;
    entry.timer = clock.after(entry.failing ? RETRY_MS : REFRESH_MS, () => void this.#refresh(name, entry));
    if (entry.addresses.join() !== before && this.#waiting === 0) onChange();
  }

  #publish(): void {
    const now = new Map([...this.#wanted].map(([name, { addresses }]) => [name, addresses] as const));
    const same =
      now.size === this.#state.size && [...now].every(([name, list]) => this.#state.get(name)?.join() === list.join());
    if (!same) this.#state = now;
  }
}

/** As the machine of the control plane resolves names. */
export async function lookUp(name: string): Promise<readonly string[]> {
  return (await lookup(name, { all: true })).map(({ address }) => address);
}

import { createHash } from 'node:crypto';
import type { Clock } from '../../common/runtime/clock.js';
import type { Logger } from '../../common/runtime/log.js';

/** Refusals that a client may collect at once, and how long one counts, ms. */
const BURST = 50;
const FORGIVEN_MS = 1000;
/** A refusal that happens again is logged once in this time, with how often. */
const REPEAT_MS = 10_000;
const MAX_CLIENTS = 10_000;
const MAX_LINES = 1000;
const MAX_GOOD = 20_000;
const MAX_REASON = 300;
/** What a guesser gets; other refusals say nothing about who calls. */
const PROVES_NOTHING: ReadonlySet<string> = new Set(['UNAUTHENTICATED', 'PERMISSION_DENIED']);

/** A client was refused too often; nobody looks at what it sends now. */
export class TooManyRefusals extends Error {
  override readonly name = 'TooManyRefusals';
}

export interface Refused {
  /** What it wanted, as the log is to say it. */
  readonly message: string;
  /** gRPC's name of the status. */
  readonly status: string;
  readonly reason: string;
}

interface Client {
  refusals: number;
  at: number;
}

/**
 * Keeps those who guess from costing more than a look: a client that was refused too often is refused unseen for a while, and
 * the log says once what happens again and again. A token that was good here before is never refused unseen, so that nobody
 * who shares an address with a guesser is locked out.
 */
export class ClientGuard {
  private readonly clients = new Map<string, Client>();
  private readonly good = new Set<string>();
  private readonly lines = new Map<string, { more: number }>();

  constructor(
    private readonly clock: Clock,
    private readonly log: Logger,
  ) {}

  /** Throws a {@link TooManyRefusals}. `peer`: `ip:port`. */
  admit(peer: string, token: string | undefined): void {
    const client = this.clients.get(clientOf(peer));
    if (client === undefined || this.left(client) > 0) return;
    if (token !== undefined && this.good.has(digest(token))) return;
    throw new TooManyRefusals(`too many calls of ${addressOf(peer)} were refused: try again later`);
  }

  proved(token: string): void {
    remember(this.good, digest(token), MAX_GOOD);
  }

  /** Whatever was wrong with a call: the log says so. `reason` never holds what the caller sent as its token. */
  refused(peer: string, { message, status, reason }: Refused): void {
    if (PROVES_NOTHING.has(status)) this.count(clientOf(peer));
    this.report(addressOf(peer), message, { status, reason: reason.slice(0, MAX_REASON) });
  }

  private count(key: string): void {
    const client = this.clients.get(key) ?? { refusals: 0, at: this.clock.monotonic() };
    client.refusals = BURST - this.left(client) + 1;
    client.at = this.clock.monotonic();
    this.clients.delete(key);
    this.clients.set(key, client);
    const [oldest] = this.clients.keys();
    if (this.clients.size > MAX_CLIENTS && oldest !== undefined) this.clients.delete(oldest);
  }

  private left({ refusals, at }: Client): number {
    const forgiven = (this.clock.monotonic() - at) / FORGIVEN_MS;
    return Math.min(BURST, BURST - refusals + forgiven);
  }

  private report(peer: string, message: string, what: { readonly status: string; readonly reason: string }): void {
    const known = this.lines.size >= MAX_LINES ? 'others' : `${peer} ${message} ${what.status} ${what.reason}`;
    const line = this.lines.get(known);
    if (line !== undefined) {
      line.more++;
      return;
    }
    const begun = { more: 0 };
    this.lines.set(known, begun);
    this.log.warn({ peer, ...what }, message);
    const again = (): void => {
      if (begun.more === 0) {
        this.lines.delete(known);
        return;
      }
      this.log.warn({ peer, ...what, times: begun.more }, message);
      begun.more = 0;
      this.clock.after(REPEAT_MS, again);
    };
    this.clock.after(REPEAT_MS, again);
  }
}

/** On this machine everybody has the same address: there each connection is a client. */
function clientOf(peer: string): string {
  const address = addressOf(peer);
  return /^(::ffff:)?127\.|^::1$/.test(address) ? peer : address;
}

/** `[::1]:5` and `127.0.0.1:5` without the port. */
function addressOf(peer: string): string {
  const at = peer.lastIndexOf(':');
  return (at < 0 ? peer : peer.slice(0, at)).replace(/^\[|\]$/g, '');
}

function digest(token: string): string {
  return createHash('sha256').update(token).digest('base64url');
}

function remember(set: Set<string>, value: string, most: number): void {
  set.delete(value);
  set.add(value);
  const [oldest] = set;
  if (set.size > most && oldest !== undefined) set.delete(oldest);
}

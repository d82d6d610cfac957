import { createServer } from 'node:net';
import type { Clock } from '../../common/runtime/clock.js';
import { isLoopback } from '../../common/runtime/local-caller.js';

/** An address that was none of this machine's may become one: an interface that comes up, a name that resolves. */
const AGAIN_MS = 10_000;

interface Answer {
  readonly at: number;
  readonly own: Promise<boolean>;
}

/** Which addresses and host names are this machine's: those at which somebody can listen here. */
export class OwnAddresses {
  private readonly answers = new Map<string, Answer>();

  constructor(
    private readonly clock: Pick<Clock, 'monotonic'>,
    private readonly listens: (address: string) => Promise<boolean> = canListen,
  ) {}

  async has(address: string): Promise<boolean> {
    if (isLoopback(address)) return true;
    const now = this.clock.monotonic();
    const known = this.answers.get(address);
    if (known !== undefined && (now - known.at < AGAIN_MS || (await known.own))) return known.own;
    const own = this.listens(address);
    this.answers.set(address, { at: now, own });
    return own;
  }
}

function canListen(host: string): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen({ host, port: 0, exclusive: true }, () => server.close(() => resolve(true)));
  });
}

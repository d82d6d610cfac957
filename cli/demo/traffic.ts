import type { Clock, Random, Timer } from '../../common/runtime/clock.js';
import { MeshClient } from '../bookinfo/mesh-client.js';

/** One visitor in ten is jason, for whom the sample has a route of his own. */
const JASON_SHARE = 0.1;
/** No more visits at once than this; a mesh that hangs is not buried. */
const MAX_IN_FLIGHT = 200;
const TICK_MS = 50;

export interface TrafficTotals {
  readonly visits: number;
  /** By status code; 0 is no answer at all. */
  readonly byStatus: Readonly<Record<number, number>>;
}

/**
 * The traffic source: visits the product page at a steady rate through its own sidecar, as an application would, by
 * its HTTP_PROXY.
 */
export class TrafficSource {
  private client: MeshClient | undefined;
  private timer: Timer | undefined;
  private inFlight = 0;
  private due = 0;
  private last = 0;
  private visits = 0;
  private readonly byStatus: Record<number, number> = {};

  constructor(
    private readonly options: { readonly visitsPerSecond: number; readonly url: string },
    private readonly clock: Clock,
    private readonly random: Random,
  ) {}

  start(proxyUrl: string): void {
    if (this.client !== undefined) return;
    this.client = new MeshClient(proxyUrl);
    this.last = this.clock.monotonic();
    this.schedule();
  }

  totals(): TrafficTotals {
    return { visits: this.visits, byStatus: { ...this.byStatus } };
  }

  /** Sends no further visit and waits for those under way. */
  async stop(): Promise<void> {
    this.timer?.cancel();
    this.timer = undefined;
    const client = this.client;
    this.client = undefined;
    const deadline = this.clock.monotonic() + 5000;
    while (this.inFlight > 0 && this.clock.monotonic() < deadline) {
      await new Promise<void>((resolve) => setTimeout(resolve, 20));
    }
    client?.close();
  }

  private schedule(): void {
    this.timer = this.clock.after(TICK_MS, () => {
      const now = this.clock.monotonic();
      this.due = Math.min(
        this.due + ((now - this.last) / 1000) * this.options.visitsPerSecond,
        this.options.visitsPerSecond,
      );
      this.last = now;
      for (; this.due >= 1; this.due--) if (this.inFlight < MAX_IN_FLIGHT) this.visit();
      this.schedule();
    });
  }

  private visit(): void {
    const client = this.client;
    if (client === undefined) return;
    this.inFlight++;
    const headers = { 'user-agent': 'weft-demo', ...(this.random() < JASON_SHARE ? { 'end-user': 'jason' } : {}) };
    void client.get(this.options.url, headers).then((answer) => {
      this.inFlight--;
      this.visits++;
      this.byStatus[answer.status] = (this.byStatus[answer.status] ?? 0) + 1;
    });
  }
}

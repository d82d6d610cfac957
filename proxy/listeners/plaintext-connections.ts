/** Connections that came without the mesh's TLS to one port, from one address. */
export interface PlaintextSource {
  readonly from: string;
  /** Port of the application. */
  readonly port: number;
  readonly connections: number;
  /** ms since the epoch. */
  readonly last: number;
}

/** Sources that are told apart; what comes from others is counted together. */
const MOST_SOURCES = 1000;

/** Who still comes without the mesh's TLS: what would break under STRICT. */
export class PlaintextConnections {
  private readonly sources = new Map<string, { from: string; port: number; connections: number; last: number }>();

  /** `chain` is the filter chain's name, which begins with the application's port where it serves one. */
  count(chain: string, localPort: number, ip: string, now: number): void {
    const port = Number(/^(\d+)/.exec(chain)?.[1] ?? localPort);
    const known = this.sources.get(`${ip} ${port}`);
    const from = known !== undefined || this.sources.size < MOST_SOURCES ? ip : 'others';
    const row = this.sources.get(`${from} ${port}`) ?? { from, port, connections: 0, last: now };
    row.connections++;
    row.last = now;
    this.sources.set(`${from} ${port}`, row);
  }

  list(): readonly PlaintextSource[] {
    return [...this.sources.values()].sort((a, b) => b.connections - a.connections);
  }
}

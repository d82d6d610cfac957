import { createSocket } from 'node:dgram';
import { connect, isIPv6 } from 'node:net';
import type { Clock } from '../../common/runtime/clock.js';
import { answers, RCODE, rcodeOf } from './message.js';
import type { DnsStatistics } from './statistics.js';
import { FrameReader, frame } from './tcp-frames.js';

export interface ForwarderOptions {
  /** IP addresses of name servers, asked in this order. */
  readonly servers: () => readonly string[];
  /** 53, but for tests. */
  readonly port: number;
  readonly clock: Clock;
  readonly random: () => number;
  readonly statistics: DnsStatistics;
}

/** Of one server, ms; a client's own resolver gives up after 5 s. */
const UDP_TIMEOUT_MS = 2000;
const TCP_TIMEOUT_MS = 4000;
/** Queries under way at once, each of which has a socket. */
const MAX_PENDING = 512;

type Ask = (server: string, query: Buffer, id: number) => Promise<Buffer | undefined>;

/** Hands queries on to name servers, one after the other until one answers. Nothing of a query is looked into. */
export class Forwarder {
  private pending = 0;

  constructor(private readonly options: ForwarderOptions) {}

  /** The answer with the query's own ID; undefined when nobody gave one. Never rejects. */
  async forward(query: Buffer, transport: 'udp' | 'tcp'): Promise<Buffer | undefined> {
    const { statistics, clock } = this.options;
    statistics.upstreamRequests++;
    if (this.pending >= MAX_PENDING) {
      statistics.upstreamFailures++;
      return undefined;
    }
    this.pending++;
    const started = clock.monotonic();
    const answer = await this.askEach(query, transport === 'udp' ? this.askByUdp : this.askByTcp);
    this.pending--;
    statistics.upstreamDurations.record((clock.monotonic() - started) / 1000);
    if (answer === undefined) statistics.upstreamFailures++;
    else query.copy(answer, 0, 0, 2);
    return answer;
  }

  private async askEach(query: Buffer, ask: Ask): Promise<Buffer | undefined> {
    let refusal: Buffer | undefined;
    for (const server of this.options.servers()) {
      // An ID of our own, on a port of its own: what a stranger would have to guess.
      const id = Math.floor(this.options.random() * 65_536);
      const sent = Buffer.from(query);
      sent.writeUInt16BE(id, 0);
      const answer = await ask(server, sent, id);
      if (answer === undefined) continue;
      if (!isRefusal(answer)) return answer;
      refusal = answer;
    }
    return refusal;
  }

  private readonly askByUdp: Ask = (server, query, id) =>
    new Promise((resolve) => {
      const socket = createSocket(isIPv6(server) ? 'udp6' : 'udp4');
      let over = false;
      const end = (answer: Buffer | undefined): void => {
        if (over) return;
        over = true;
        timer.cancel();
        socket.close();
        resolve(answer);
      };
      const timer = this.options.clock.after(UDP_TIMEOUT_MS, () => end(undefined));
      socket.on('error', () => end(undefined));
      socket.on('message', (answer) => {
        if (answers(query, id, answer)) end(Buffer.from(answer));
      });
      socket.connect(this.options.port, server, (...[error]: [Error?]) => {
        if (error !== undefined || over) end(undefined);
        else socket.send(query);
      });
    });

  private readonly askByTcp: Ask = (server, query, id) =>
    new Promise((resolve) => {
      const socket = connect({ host: server, port: this.options.port });
      const end = (answer: Buffer | undefined): void => {
        timer.cancel();
        socket.destroy();
        resolve(answer);
      };
      const timer = this.options.clock.after(TCP_TIMEOUT_MS, () => end(undefined));
      const reader = new FrameReader();
      socket.on('error', () => end(undefined));
      socket.on('close', () => end(undefined));
      socket.on('data', (chunk) => {
        const [answer] = reader.read(chunk);
        if (answer !== undefined) end(answers(query, id, answer) ? Buffer.from(answer) : undefined);
      });
      socket.write(frame(query));
    });
}

/** Another server may know better. */
function isRefusal(answer: Buffer): boolean {
  const rcode = rcodeOf(answer);
  return rcode === RCODE.serverFailure || rcode === RCODE.notImplemented || rcode === RCODE.refused;
}

import { FROM_PROXY, OBSERVE_METHOD, TO_PROXY } from '../../common/observe/wire.js';
import { Backoff } from '../../common/runtime/backoff.js';
import type { Clock, Random, Timer } from '../../common/runtime/clock.js';
import { messageOf } from '../../common/runtime/errors.js';
import type { Logger } from '../../common/runtime/log.js';
import { decodeMessage, encodeMessage } from '../../common/xds/codec.js';
import type { FromProxy } from '../../proto/gen/weft/observe/v1/FromProxy.js';
import type { Sample } from '../../proto/gen/weft/observe/v1/Sample.js';
import type { ToProxy__Output } from '../../proto/gen/weft/observe/v1/ToProxy.js';
import type { Answer } from '../admin/commands.js';
import type { AdsStream, OpenAdsStream } from '../xds/ads-client.js';
import type { EdgeSampler } from './edge-sampler.js';

export interface ObserverOptions {
  /** Node message, as the ADS stream has it. */
  readonly node: object;
  /** Opens streams to the control plane with the credentials of the ADS stream. */
  readonly open: OpenAdsStream;
  readonly edges: EdgeSampler;
  /** What a sample says besides edges. */
  readonly state: () => Omit<Sample, 'definitions' | 'edges'>;
  readonly ask: (path: string) => Promise<Answer>;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

/** What is asked for outside of these is not meant. */
const PACE_MS = { least: 500, most: 60_000 };
/** Without news a sample only says that we live, every so many intervals. */
const QUIET_INTERVALS = 3;
/** Counts of a longer time could not be told when they happened. */
const STALE_MS = 15_000;
const RETRY = { baseMs: 1000, maxMs: 60_000 };
/** A server that knows nothing of this may be replaced by one that does. */
const UNIMPLEMENTED_MS = 600_000;
const MAX_QUESTIONS = 16;
const PART_BYTES = 256 * 1024;

/**
 * Tells the control plane what is counted, and answers its questions, on a stream of our own. Traffic never waits for it: a
 * stream that is lost is opened again, with what was counted in between as long as that was short.
 */
export class Observer {
  private readonly backoff: Backoff;
  private stream: AdsStream | undefined;
  private timer: Timer | undefined;
  private stopped = false;
  private intervalMs = 0;
  private quiet = 0;
  private lastSample: number;
  private readonly questions = new Map<number, AbortController>();

  constructor(private readonly options: ObserverOptions) {
    this.backoff = new Backoff({ ...RETRY, random: options.random });
    this.lastSample = options.clock.monotonic();
  }

  start(): void {
    if (this.stopped) return;
    const { open, node } = this.options;
    const stream = open(OBSERVE_METHOD, {
      onMessage: (bytes) => {
        if (stream === this.stream) this.receive(bytes);
      },
      onEnd: (reason) => {
        if (stream === this.stream) this.ended(reason);
      },
    });
    this.stream = stream;
    this.send({ hello: { node } });
  }

  stop(): void {
    this.stopped = true;
    this.reset();
    const { stream } = this;
    this.stream = undefined;
    stream?.close();
  }

  private reset(): void {
    this.timer?.cancel();
    this.timer = undefined;
    this.intervalMs = 0;
    for (const question of this.questions.values()) question.abort();
    this.questions.clear();
  }

  private ended(reason: string): void {
    this.stream = undefined;
    this.reset();
    if (this.stopped) return;
    this.options.log.debug({ reason }, 'the control plane hears nothing of what is counted here');
    const spread = 1 + this.options.random() / 2;
    const waitMs = reason.startsWith('12 ') ? UNIMPLEMENTED_MS * spread : this.backoff.next();
    this.timer = this.options.clock.after(waitMs, () => this.start());
  }

  private receive(bytes: Buffer): void {
    try {
      const { pace, question, cancel } = decodeMessage<ToProxy__Output>(TO_PROXY, bytes);
      if (pace) this.pace(pace.interval_ms ?? 0);
      else if (question) this.answer(question.id ?? 0, question.path ?? '');
      else if (cancel) this.cancel(cancel.id ?? 0);
    } catch (error) {
      this.options.log.debug({ reason: messageOf(error) }, 'a question of the control plane could not be read');
    }
  }

  private pace(ms: number): void {
    const first = this.intervalMs === 0;
    const { clock, edges, random } = this.options;
    this.intervalMs = Math.min(PACE_MS.most, Math.max(PACE_MS.least, ms));
    if (first) {
      this.backoff.reset();
      edges.restart();
      if (clock.monotonic() - this.lastSample > STALE_MS) edges.skip();
      this.sample();
    }
    // Sidecars that were told at once do not all talk at once.
    this.schedule(this.intervalMs * (first ? 0.5 + random() / 2 : 1));
  }

  private schedule(ms: number): void {
    this.timer?.cancel();
    this.timer = this.options.clock.after(ms, () => {
      this.sample();
      this.schedule(this.intervalMs);
    });
  }

  private sample(): void {
    const { edges, state, clock } = this.options;
    const { definitions, edges: counts } = edges.next();
    const now = clock.monotonic();
    const interval_ms = Math.round(now - this.lastSample);
    this.lastSample = now;
    this.quiet = counts.length === 0 ? this.quiet + 1 : 0;
    if (this.quiet % QUIET_INTERVALS !== 0) return;
    this.send({ sample: { ...state(), interval_ms, definitions: [...definitions], edges: [...counts] } });
  }

  private answer(id: number, path: string): void {
    if (this.questions.size >= MAX_QUESTIONS) {
      this.send({ answer: { id, status: 429, data: Buffer.from('too many questions at once\n'), last: true } });
      return;
    }
    const question = new AbortController();
    this.questions.set(id, question);
    void this.options
      .ask(path)
      .then((answer) => this.tell(id, answer, question.signal))
      .catch((error: unknown) => this.options.log.debug({ reason: messageOf(error) }, 'an answer broke off'))
      .finally(() => this.questions.delete(id));
  }

  private async tell(id: number, { status, body, stream }: Answer, signal: AbortSignal): Promise<void> {
    const part = (data: Buffer): void => {
      if (!signal.aborted) this.send({ answer: { id, status, data } });
    };
    for await (const piece of typeof body === 'string' ? [body] : body) {
      const bytes = Buffer.from(piece);
      for (let at = 0; at < bytes.length; at += PART_BYTES) part(bytes.subarray(at, at + PART_BYTES));
    }
    await stream?.((text) => part(Buffer.from(text)), signal);
    if (!signal.aborted) this.send({ answer: { id, status, last: true } });
  }

  private cancel(id: number): void {
    this.questions.get(id)?.abort();
  }

  private send(message: FromProxy): void {
    this.stream?.send(encodeMessage(FROM_PROXY, message));
  }
}

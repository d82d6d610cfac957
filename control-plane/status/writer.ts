import type { Clock } from '../../common/runtime/clock.js';
import { messageOf } from '../../common/runtime/errors.js';
import type { Logger } from '../../common/runtime/log.js';
import { pause } from '../../common/runtime/pause.js';
import type { Finding } from '../api/object.js';
import { isConflict, isNotFound, type KubernetesApi, type KubernetesObject } from '../kubernetes/api.js';
import type { LeaderTask } from '../leader/tasks.js';
import { type ForeignStatus, type IstioStatus, statusOf } from './conditions.js';
import { type Place, pathOf } from './place.js';

/** What is to be said about one object. */
export interface Report {
  readonly place: Place;
  /** Of the object that was looked at; undefined when it could not be read. */
  readonly generation: number | undefined;
  readonly findings: readonly Finding[];
  readonly addresses?: IstioStatus['addresses'];
}

export interface StatusWriterOptions {
  readonly api: KubernetesApi;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Between two objects: at most so many calls a second, however many objects change. */
const INTERVAL_MS = 40;
const RETRY_MS = 2000;

/**
 * The leader's reports, in `status` of the objects themselves. An object is looked at once for each leadership and after each
 * change of what is to be said about it, and written only when it does not say that already.
 */
export class StatusWriter implements LeaderTask {
  readonly name = 'status writer';
  private reports: ReadonlyMap<string, Report> = new Map();
  /** What each object is known to say. */
  private said = new Map<string, string>();
  private readonly waiting = new Set<string>();
  private wake: (() => void) | undefined;
  private leading = false;

  constructor(private readonly options: StatusWriterOptions) {}

  /** Replaces what is to be said; by the objects' titles. */
  update(reports: ReadonlyMap<string, Report>): void {
    this.reports = reports;
    if (!this.leading) return;
    for (const [title, report] of reports) if (this.said.get(title) !== textOf(report)) this.waiting.add(title);
    for (const title of this.said.keys()) if (!reports.has(title)) this.said.delete(title);
    if (this.waiting.size > 0) this.wake?.();
  }

  async run(signal: AbortSignal): Promise<void> {
    this.leading = true;
    // A leader before may have said something else since.
    this.said = new Map();
    this.update(this.reports);
    try {
      while (!signal.aborted) {
        for (const title of this.waiting) {
          if (signal.aborted) return;
          this.waiting.delete(title);
          await this.write(title, signal);
          await pause(this.options.clock, INTERVAL_MS, signal);
        }
        await this.more(signal);
      }
    } finally {
      this.leading = false;
      this.waiting.clear();
    }
  }

  private more(signal: AbortSignal): Promise<void> {
    if (this.waiting.size > 0 || signal.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const done = (): void => {
        this.wake = undefined;
        signal.removeEventListener('abort', done);
        resolve();
      };
      this.wake = done;
      signal.addEventListener('abort', done, { once: true });
    });
  }

  /** Never rejects. */
  private async write(title: string, signal: AbortSignal): Promise<void> {
    const report = this.reports.get(title);
    if (report === undefined) return;
    try {
      await this.bringUpToDate(report, signal);
      this.said.set(title, textOf(report));
    } catch (error) {
      // An object that is gone needs no status; the next set will not name it.
      if (signal.aborted || isNotFound(error)) return;
      if (!isConflict(error)) {
        this.options.log.warn({ object: title, reason: messageOf(error) }, 'could not write a status');
      }
      this.options.clock.after(isConflict(error) ? 0 : RETRY_MS, () => this.again(title));
    }
  }

  private again(title: string): void {
    if (!this.leading) return;
    this.waiting.add(title);
    this.wake?.();
  }

  private async bringUpToDate(report: Report, signal: AbortSignal): Promise<void> {
    const { api, clock } = this.options;
    const path = pathOf(report.place);
    const object = await api.request<KubernetesObject & { status?: ForeignStatus }>({ method: 'GET', path, signal });
    const generation = object.metadata?.generation ?? 0;
    // What was looked at is out of date: the set to come says more.
    if (report.generation !== undefined && report.generation !== 0 && generation > report.generation) return;
    const status = statusOf(report, object.status ?? {}, generation, clock.now());
    if (status === undefined || signal.aborted) return;
    const metadata = { resourceVersion: object.metadata?.resourceVersion };
    await api.request({ method: 'PATCH', path: `${path}/status`, body: { metadata, status }, signal });
  }
}

function textOf({ generation, findings, addresses }: Report): string {
  return JSON.stringify([
    generation,
    findings.map(({ code, level, field, message }) => [code, level, field, message]),
    addresses,
  ]);
}

import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock, Timer } from '../../common/runtime/clock.js';
import { messageOf } from '../../common/runtime/errors.js';
import type { Logger } from '../../common/runtime/log.js';
import type { RootRotation, RotationRequest } from './rotation.js';

const LOOK_MS = 300;

/** A request with a name of its own, so that who asked finds the answer. */
export interface NamedRequest extends RotationRequest {
  readonly id: string;
}

/** What became of the last request. */
export interface RequestOutcome {
  readonly id: string;
  /** Why it was refused; empty when it was not. */
  readonly problem: string;
}

/** Where `weft ca rotate-root` leaves its request: only who may read the root key may write there. */
export function requestPath(stateDir: string): string {
  return join(stateDir, 'ca', 'request.json');
}

/** The text of a request; undefined for what is none. */
export function readRequest(text: string): NamedRequest | undefined {
  try {
    const { id, action } = JSON.parse(text) as Partial<NamedRequest>;
    const known = action === 'start' || action === 'abort';
    return known && typeof id === 'string' ? { id, action } : undefined;
  } catch {
    return undefined;
  }
}

/** Carries out a request and keeps what became of it. */
export class RequestDesk {
  private outcome: RequestOutcome | undefined;
  private taken = '';

  constructor(
    private readonly rotation: Pick<RootRotation, 'request'>,
    private readonly log: Logger,
  ) {}

  get last(): RequestOutcome | undefined {
    return this.outcome;
  }

  /** Never rejects; the same request is carried out once. */
  async take(request: NamedRequest): Promise<void> {
    if (this.taken === request.id) return;
    this.taken = request.id;
    try {
      await this.rotation.request(request);
      this.outcome = { id: request.id, problem: '' };
    } catch (error) {
      this.outcome = { id: request.id, problem: messageOf(error) };
      this.log.warn({ ...request, reason: messageOf(error) }, 'a request about the root was refused');
    }
  }
}

/** Looks for requests in the state folder. */
export class FolderRequests {
  private timer: Timer | undefined;
  private stopped = false;

  constructor(
    private readonly stateDir: string,
    private readonly desk: RequestDesk,
    private readonly clock: Clock,
  ) {}

  start(): void {
    if (this.stopped) return;
    this.timer = this.clock.after(LOOK_MS, () => {
      void this.look().then(() => this.start());
    });
  }

  stop(): void {
    this.stopped = true;
    this.timer?.cancel();
  }

  private async look(): Promise<void> {
    const path = requestPath(this.stateDir);
    const text = await readFile(path, 'utf8').catch(() => undefined);
    if (text === undefined) return;
    const request = readRequest(text);
    if (request !== undefined) await this.desk.take(request);
    await rm(path, { force: true }).catch(() => undefined);
  }
}

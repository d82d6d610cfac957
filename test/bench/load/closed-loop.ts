import { Histogram } from './histogram.js';

export interface LoadReady {
  /** Where the application listens. */
  readonly port: number;
}

export interface LoadReport {
  readonly requests: number;
  readonly errors: number;
  readonly seconds: number;
  /** Milliseconds. */
  readonly p50: number;
  readonly p99: number;
}

/** What the clients of a run share. */
export interface Run {
  readonly latencies: Histogram;
  readonly onError: () => void;
  /** Whether another request is to be sent. */
  readonly running: () => boolean;
}

export interface Client {
  /** Whether an answer is awaited. */
  readonly busy: boolean;
  close(): void;
}

/** Clients that ask again as soon as they are answered, for so long. */
export async function closedLoop(connections: number, ms: number, start: (run: Run) => Client): Promise<LoadReport> {
  const latencies = new Histogram();
  let errors = 0;
  let running = true;
  const onError = (): void => {
    errors++;
  };
  const started = performance.now();
  const run: Run = { latencies, onError, running: () => running };
  const clients = Array.from({ length: connections }, () => start(run));
  await new Promise((resolve) => setTimeout(resolve, ms));
  running = false;
  await lastAnswers(clients);
  const seconds = (performance.now() - started) / 1000;
  for (const client of clients) client.close();
  const [p50, p99] = [latencies.percentileMs(0.5), latencies.percentileMs(0.99)];
  return { requests: latencies.count, errors, seconds, p50, p99 };
}

const LAST_ANSWERS_MS = 5000;
const POLL_MS = 2;

/** Requests under way end first: a proxy that loses its client in the middle closes connections that it could keep. */
async function lastAnswers(clients: readonly Client[]): Promise<void> {
  const end = performance.now() + LAST_ANSWERS_MS;
  while (clients.some((client) => client.busy) && performance.now() < end) {
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

import { parseDuration } from '../api/duration.js';
import type { EdgeHistory, Window } from './history.js';

/** What was asked cannot be answered; becomes a 400. */
export class BadQuery extends Error {}

const DEFAULT_WINDOW = '60s';
const SHORTEST_MS = 4000;
const LONGEST_MS = 7 * 86_400_000;
/** Points of a plot. */
const STEPS = 60;

/** `window=5m&at=…`: `at` is a time (ms since the epoch, RFC 3339) or an age (`-10m`); without it the window ends now. */
export function windowOf(query: URLSearchParams, history: EdgeHistory): Window {
  const text = query.get('window') ?? DEFAULT_WINDOW;
  const length = parseDuration(text);
  if (length === undefined || length <= 0 || length > LONGEST_MS) {
    throw new BadQuery(`window=${text.slice(0, 40)} is not a duration such as 30s, 5m or 1h, of at most 7 days`);
  }
  const latest = history.latest();
  const to = Math.min(latest, endOf(query.get('at'), latest));
  return { from: to - Math.max(SHORTEST_MS, length), to };
}

/** What is known of the present only may be told with a window that ended so long ago. */
const PRESENT_MS = 5000;

/** Whether a window ends now, as far as samples can tell. */
export function isPresent({ to }: Window, history: EdgeHistory): boolean {
  return history.latest() - to < PRESENT_MS;
}

function endOf(text: string | null, latest: number): number {
  if (text === null || text === '') return latest;
  if (/^\d{10,16}$/.test(text)) return Number(text);
  const ago = text.startsWith('-') ? parseDuration(text) : undefined;
  if (ago !== undefined) return latest + ago;
  const time = text.length < 40 ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(time)) {
    throw new BadQuery(
      `at=${text.slice(0, 40)} is neither a time (2026-01-31T12:00:00Z, ms since 1970) nor an age (-10m)`,
    );
  }
  return time;
}

/** A window cut into steps of one length, no finer than is known. */
export function stepsOf(window: Window, history: EdgeHistory): { readonly window: Window; readonly stepMs: number } {
  const finest = history.stepOf(window);
  const stepMs = Math.max(1, Math.ceil((window.to - window.from) / STEPS / finest)) * finest;
  const from = Math.floor(window.from / stepMs) * stepMs;
  // A last step that is not over would show too little.
  const to = Math.max(from + stepMs, Math.floor(window.to / stepMs) * stepMs);
  return { window: { from, to }, stepMs };
}

/** A number with bounds. */
export function countOf(query: URLSearchParams, name: string, fallback: number, most: number): number {
  const text = query.get(name);
  if (text === null) return fallback;
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) throw new BadQuery(`${name} must be a number of at least 1`);
  return Math.min(value, most);
}

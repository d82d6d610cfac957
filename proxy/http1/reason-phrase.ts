import { STATUS_CODES } from 'node:http';

/** Codes that Node knows a phrase for and Envoy does not. */
const UNKNOWN_TO_ENVOY: ReadonlySet<number> = new Set([102, 103, 418, 425, 451, 509]);

/** The phrase of a status line that has none of its own, as Envoy words it. */
export function reasonPhrase(status: number): string {
  return UNKNOWN_TO_ENVOY.has(status) ? 'Unknown' : (STATUS_CODES[status] ?? 'Unknown');
}

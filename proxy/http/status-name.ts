import { STATUS_CODES } from 'node:http';

/** The number behind a status as Envoy names it, a reason phrase without spaces; undefined for none and for unknown names. */
export function statusNumber(code: string | number | undefined): number | undefined {
  if (code === undefined || code === 'Empty' || code === 0) return undefined;
  if (typeof code === 'number') return code;
  const found = Object.entries(STATUS_CODES).find(
    ([, phrase]) => phrase?.replace(/[^A-Za-z]/g, '').toLowerCase() === code.toLowerCase(),
  );
  return found === undefined ? undefined : Number(found[0]);
}

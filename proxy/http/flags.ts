/** Envoy's response flags (source/common/stream_info/utility.h), as bits so that a request can carry several. */
export const FLAG = {
  LH: 1 << 0,
  UH: 1 << 1,
  UT: 1 << 2,
  LR: 1 << 3,
  UR: 1 << 4,
  UF: 1 << 5,
  UC: 1 << 6,
  UO: 1 << 7,
  NR: 1 << 8,
  DI: 1 << 9,
  FI: 1 << 10,
  RL: 1 << 11,
  UAEX: 1 << 12,
  RLSE: 1 << 13,
  DC: 1 << 14,
  URX: 1 << 15,
  SI: 1 << 16,
  IH: 1 << 17,
  DPE: 1 << 18,
  UMSDR: 1 << 19,
  NFCF: 1 << 20,
  DT: 1 << 21,
  UPE: 1 << 22,
  NC: 1 << 23,
  OM: 1 << 24,
  DF: 1 << 25,
  DO: 1 << 26,
} as const;

export type FlagName = keyof typeof FLAG;

/** No flag: beside URX and UF it says that the failure came first, as on connections that are relayed. */
export const FAILURE_FIRST = 1 << 27;

/**
 * Envoy joins several flags by commas in the order in which they were set: faults before anything is sent upstream,
 * and the retry limit before the failure that the last attempt ended with (`URX,UF`), but see {@link FAILURE_FIRST}.
 */
const ORDER: readonly FlagName[] = [
  'DI',
  'FI',
  'URX',
  'LH',
  'UH',
  'UT',
  'LR',
  'UR',
  'UF',
  'UC',
  'UO',
  'NR',
  'RL',
  'UAEX',
  'RLSE',
  'DC',
  'SI',
  'IH',
  'DPE',
  'UMSDR',
  'NFCF',
  'DT',
  'UPE',
  'NC',
  'OM',
  'DF',
  'DO',
]; // prettier-ignore

const rendered = new Map<number, string>([[0, '-']]);

/** Of the flags that are set, in Envoy's order. */
export function namesOf(flags: number): FlagName[] {
  const names = ORDER.filter((name) => (flags & FLAG[name]) !== 0);
  return (flags & FAILURE_FIRST) === 0 ? names : [...names.filter((name) => name !== 'URX'), 'URX'];
}

/** `-` for none, else the flags' short names joined by commas. */
export function formatFlags(flags: number): string {
  let text = rendered.get(flags);
  if (text === undefined) {
    text = namesOf(flags).join(',');
    rendered.set(flags, text);
  }
  return text;
}

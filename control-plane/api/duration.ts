const UNITS: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  μs: 1e-3,
  ms: 1,
  s: 1e3,
  m: 6e4,
  h: 3.6e6,
};
const WHOLE = /^([+-]?)((?:(?:\d+\.?\d*|\.\d+)(?:ns|us|µs|μs|ms|s|m|h))+)$/;
const PART = /(\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h)/g;

/**
 * Milliseconds of a duration as Go writes it (`1.5s`, `1h30m`, `-2ms`, `0`), or undefined when it is none.
 * The length is bounded so that a hostile text costs nothing.
 */
export function parseDuration(text: string): number | undefined {
  if (text === '0') return 0;
  if (text.length > 64) return undefined;
  const whole = WHOLE.exec(text);
  if (whole === null) return undefined;
  const [, sign = '', parts = ''] = whole;
  let total = 0;
  for (const [, amount = '0', unit = 's'] of parts.matchAll(PART)) total += Number(amount) * (UNITS[unit] ?? 0);
  // A nanosecond is the finest unit; what lies below is the noise of binary fractions.
  const rounded = Math.round(total * 1e6) / 1e6;
  return sign === '-' ? -rounded : rounded;
}

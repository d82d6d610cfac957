/** A time in ms since the epoch, as text. */
type Render = (epochMs: number) => string;

/** The same in the time zone of this process. */
export function compileLocalTimeFormat(pattern: string | undefined): Render {
  const zone = (epochMs: number): number => -new Date(epochMs).getTimezoneOffset();
  const text = (pattern ?? '') === '' ? '%Y-%m-%dT%H:%M:%S.%3f%z' : (pattern ?? '');
  // The names of zones are what the system calls them; everything else is that of a clock that is ahead by the offset.
  const parts = text.split(/(%[zZs])/).map((part, index): Render => {
    if (index % 2 === 0) {
      const render = part === '' ? undefined : compileTimeFormat(part);
      return (epochMs) => render?.(epochMs + zone(epochMs) * 60_000) ?? '';
    }
    if (part === '%z') return (epochMs) => offset(zone(epochMs));
    return part === '%s' ? (epochMs) => String(Math.floor(epochMs / 1000)) : zoneName;
  });
  return (epochMs) => parts.map((part) => part(epochMs)).join('');
}

/** `+0130` */
function offset(minutes: number): string {
  const size = Math.abs(minutes);
  return `${minutes < 0 ? '-' : '+'}${two(Math.floor(size / 60))}${two(size % 60)}`;
}

function zoneName(epochMs: number): string {
  const parts = new Intl.DateTimeFormat('en-US', { timeZoneName: 'short' }).formatToParts(epochMs);
  return parts.find(({ type }) => type === 'timeZoneName')?.value ?? '';
}

/** Times in log lines: Envoy's default (ISO 8601, milliseconds, UTC) or a strftime pattern with its `%f` and `%s` additions. */
export function compileTimeFormat(pattern: string | undefined): Render {
  if (pattern === undefined || pattern === '') return isoTime;
  // Specifiers are found once, so that a wrong one is an error of the configuration.
  const parts = pattern
    .split(/(%[1-9]?[A-Za-z%])/)
    .map((part, index) => (index % 2 === 0 ? () => part : specifier(part)));
  return (epochMs) => {
    const date = new Date(epochMs);
    let out = '';
    for (const part of parts) out += part(date);
    return out;
  };
}

/** Lines of one millisecond share their time. */
let lastMs = Number.NaN;
let lastIso = '';
function isoTime(epochMs: number): string {
  const ms = Math.floor(epochMs);
  if (ms !== lastMs) {
    lastMs = ms;
    lastIso = new Date(ms).toISOString();
  }
  return lastIso;
}

const DAYS = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday'];
const MONTHS = 'January February March April May June July August September October November December'.split(' ');
const two = (value: number): string => String(value).padStart(2, '0');

const SPECIFIERS: Readonly<Record<string, (date: Date) => string>> = {
  '%Y': (date) => String(date.getUTCFullYear()),
  '%y': (date) => two(date.getUTCFullYear() % 100),
  '%m': (date) => two(date.getUTCMonth() + 1),
  '%d': (date) => two(date.getUTCDate()),
  '%e': (date) => String(date.getUTCDate()).padStart(2, ' '),
  '%C': (date) => two(Math.floor(date.getUTCFullYear() / 100)),
  '%D': (date) => `${two(date.getUTCMonth() + 1)}/${two(date.getUTCDate())}/${two(date.getUTCFullYear() % 100)}`,
  '%h': (date) => (MONTHS[date.getUTCMonth()] ?? '').slice(0, 3),
  '%j': (date) => String(dayOfYear(date)).padStart(3, '0'),
  '%R': (date) => date.toISOString().slice(11, 16),
  '%t': () => '\t',
  '%u': (date) => String(date.getUTCDay() || 7),
  '%w': (date) => String(date.getUTCDay()),
  '%H': (date) => two(date.getUTCHours()),
  '%I': (date) => two(date.getUTCHours() % 12 || 12),
  '%p': (date) => (date.getUTCHours() < 12 ? 'AM' : 'PM'),
  '%M': (date) => two(date.getUTCMinutes()),
  '%S': (date) => two(date.getUTCSeconds()),
  '%F': (date) => date.toISOString().slice(0, 10),
  '%T': (date) => date.toISOString().slice(11, 19),
  '%a': (date) => (DAYS[date.getUTCDay()] ?? '').slice(0, 3),
  '%A': (date) => DAYS[date.getUTCDay()] ?? '',
  '%b': (date) => (MONTHS[date.getUTCMonth()] ?? '').slice(0, 3),
  '%B': (date) => MONTHS[date.getUTCMonth()] ?? '',
  '%z': () => '+0000',
  '%Z': () => 'UTC',
  '%s': (date) => String(Math.floor(date.getTime() / 1000)),
  '%f': (date) => fraction(date, 9),
  '%%': () => '%',
};

function dayOfYear(date: Date): number {
  return Math.floor((date.getTime() - Date.UTC(date.getUTCFullYear(), 0, 1)) / 86_400_000) + 1;
}

function specifier(text: string): (date: Date) => string {
  const digits = /^%([1-9])f$/.exec(text)?.[1];
  const found = digits === undefined ? SPECIFIERS[text] : (date: Date) => fraction(date, Number(digits));
  if (found === undefined) throw new Error(`format: unknown time specifier ${text}`);
  return found;
}

/** Sub-second digits; the clock gives milliseconds. */
function fraction(date: Date, digits: number): string {
  return String(date.getUTCMilliseconds()).padStart(3, '0').padEnd(9, '0').slice(0, digits);
}

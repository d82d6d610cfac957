/** Numbers and names as people read them. */

/** `0.4/s`, `12.3/s`, `1.2k/s`; a dash for nothing. */
export function perSecond(rate: number): string {
  return rate <= 0 ? '–' : `${short(rate)}/s`;
}

/** Three digits at most: `0.04`, `9.5`, `123`, `1.2k`. */
export function short(value: number): string {
  if (value === 0) return '0';
  if (value < 0.1) return value.toFixed(2);
  if (value < 100) return trimmed(value.toFixed(1));
  if (value < 1000) return value.toFixed(0);
  if (value < 1e6) return `${trimmed((value / 1000).toFixed(value < 1e4 ? 1 : 0))}k`;
  return `${trimmed((value / 1e6).toFixed(1))}M`;
}

/** A share in [0, 1] as `12 %`; never rounds something to nothing, nor nearly all to all. */
export function percent(share: number): string {
  if (share <= 0) return '0 %';
  if (share >= 1) return '100 %';
  if (share < 0.001) return '<0.1 %';
  if (share > 0.999) return '>99.9 %';
  const value = share * 100;
  return `${value < 10 || value > 99 ? trimmed(value.toFixed(1)) : value.toFixed(0)} %`;
}

/** `0.4 ms`, `12 ms`, `1.2 s`. */
export function millis(ms: number | undefined | null): string {
  if (ms === undefined || ms === null) return '–';
  if (ms < 10) return `${trimmed(ms.toFixed(1))} ms`;
  if (ms < 1000) return `${ms.toFixed(0)} ms`;
  return `${trimmed((ms / 1000).toFixed(1))} s`;
}

/** `12 B/s`, `1.2 kB/s`. */
export function bytesPerSecond(rate: number): string {
  if (rate < 1000) return `${rate.toFixed(0)} B/s`;
  if (rate < 1e6) return `${trimmed((rate / 1000).toFixed(1))} kB/s`;
  return `${trimmed((rate / 1e6).toFixed(1))} MB/s`;
}

/** How long from now, or how long ago: `23 h 10 min`, `4 min`, `12 s`. */
export function span(ms: number): string {
  const seconds = Math.max(0, Math.round(Math.abs(ms) / 1000));
  if (seconds < 100) return `${seconds} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 100) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return `${hours} h${minutes % 60 === 0 ? '' : ` ${minutes % 60} min`}`;
  return `${Math.round(hours / 24)} days`;
}

/** `spiffe://cluster.local/ns/default/sa/reviews` → `default/reviews`; anything else as it is. */
export function identityName(principal: string): string {
  const match = /^spiffe:\/\/[^/]+\/ns\/([^/]+)\/sa\/([^/]+)$/.exec(principal);
  return match === null ? principal : `${match[1]}/${match[2]}`;
}

/** `14:03:22`, in the zone of whoever looks. */
export function clockTime(ms: number): string {
  const date = new Date(ms);
  return [date.getHours(), date.getMinutes(), date.getSeconds()].map((part) => String(part).padStart(2, '0')).join(':');
}

export function plural(count: number, one: string, many = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`;
}

function trimmed(text: string): string {
  return text.replace(/\.0+$/, '');
}

/** Istio's and Envoy's names of levels, as our logger has them. */
const LEVELS: Readonly<Record<string, string>> = {
  trace: 'trace',
  debug: 'debug',
  info: 'info',
  warning: 'warn',
  warn: 'warn',
  error: 'error',
  critical: 'fatal',
  fatal: 'fatal',
  off: 'silent',
  none: 'silent',
  silent: 'silent',
};

/** Our logger's level by one of its usual names; undefined for what is none. */
export function logLevelOf(name: string): string | undefined {
  return Object.hasOwn(LEVELS, name) ? LEVELS[name] : undefined;
}

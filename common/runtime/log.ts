import { pino } from 'pino';
import { logLevelOf } from './log-level.js';

export type Logger = pino.Logger;

/**
 * A logger that writes JSON lines to standard error, so that standard output stays free for a program's answer.
 * A level that nobody knows counts as `info`. Fields that could carry credentials are removed wherever they appear one or two levels deep.
 */
export function createLogger(name: string, level: string = process.env['WEFT_LOG_LEVEL'] ?? 'info'): Logger {
  const secrets = ['token', 'key', 'privateKey', 'private_key', 'authorization', 'inline_bytes', 'inline_string'];
  return pino(
    {
      name,
      level: logLevelOf(level) ?? 'info',
      base: { pid: process.pid },
      timestamp: pino.stdTimeFunctions.isoTime,
      redact: { paths: secrets.flatMap((field) => [field, `*.${field}`]), remove: true },
    },
    pino.destination({ fd: 2, sync: true }),
  );
}

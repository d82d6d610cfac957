import { pino } from 'pino';

export type Logger = pino.Logger;

/**
 * A logger that writes JSON lines to standard error, so that standard output stays free for a program's answer.
 * Fields that could carry credentials are removed wherever they appear one or two levels deep.
 */
export function createLogger(name: string, level: string = process.env['WEFT_LOG_LEVEL'] ?? 'info'): Logger {
  const secrets = ['token', 'key', 'privateKey', 'private_key', 'authorization', 'inline_bytes', 'inline_string'];
  return pino(
    {
      name,
      level,
      base: { pid: process.pid },
      timestamp: pino.stdTimeFunctions.isoTime,
      redact: { paths: secrets.flatMap((field) => [field, `*.${field}`]), remove: true },
    },
    pino.destination({ fd: 2, sync: true }),
  );
}

import type { Command } from 'commander';
import { messageOf } from '../../common/runtime/errors.js';
import { UsageError } from '../command.js';

interface Options {
  readonly url: string;
  readonly timeoutSeconds: string;
  readonly periodMillis: string;
  readonly requestTimeoutMillis: string;
}

/** `weft wait`: for a postStart hook, which lets the application start when its sidecar is ready. */
export function configure(command: Command): void {
  command
    .option('--url <url>', 'what must answer with 200', 'http://localhost:15021/healthz/ready')
    .option('--timeoutSeconds <seconds>', 'how long to wait', '60')
    .option('--periodMillis <ms>', 'time between two questions', '500')
    .option('--requestTimeoutMillis <ms>', 'how long one question may take', '500')
    .addHelpText('after', '\nExample:\n  weft wait --timeoutSeconds 120')
    .action(async ({ url, ...rest }: Options) => {
      const timeoutMs = positive('--timeoutSeconds', rest.timeoutSeconds) * 1000;
      const periodMs = positive('--periodMillis', rest.periodMillis);
      const requestMs = positive('--requestTimeoutMillis', rest.requestTimeoutMillis);
      const end = Date.now() + timeoutMs;
      let reason = await ask(url, requestMs);
      while (reason !== undefined && Date.now() + periodMs < end) {
        await new Promise((resolve) => setTimeout(resolve, periodMs));
        reason = await ask(url, requestMs);
      }
      if (reason !== undefined) throw new Error(`the sidecar is not ready after ${timeoutMs / 1000} s: ${reason}`);
    });
}

function positive(flag: string, text: string): number {
  const value = Number(text);
  if (!Number.isFinite(value) || value <= 0) throw new UsageError(`${flag}: '${text}' is not a number above 0`);
  return value;
}

/** Why it is not ready, or undefined. */
async function ask(url: string, timeoutMs: number): Promise<string | undefined> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(timeoutMs) });
    await response.arrayBuffer();
    return response.status === 200 ? undefined : `${url} answers with ${response.status}`;
  } catch (error) {
    const { cause } = error as { readonly cause?: unknown };
    return messageOf(cause ?? error);
  }
}

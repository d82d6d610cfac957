import { type ClientRequest, request } from 'node:http';
import { messageOf, WeftError } from '../../common/runtime/errors.js';

/** GET of a text from one of the mesh's own ports on this machine. An answer other than 200 throws. */
export function getText(url: string, timeoutMs = 3000): Promise<string> {
  return new Promise((resolve, reject) => {
    const fail = (reason: string, cause?: unknown): void =>
      reject(new WeftError(`${url}: ${reason}`, { source: 'cli', retryable: true, cause }));
    const call = request(url, { timeout: timeoutMs }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', (error) => fail(error.message, error));
      response.on('end', () => {
        const body = Buffer.concat(chunks).toString('utf8');
        if (response.statusCode === 200) resolve(body);
        else if (isAnswer(response.statusCode, body))
          reject(new WeftError(body.trim(), { source: 'cli', retryable: false }));
        else fail(`answered ${response.statusCode}: ${body.trim().slice(0, 300)}`);
      });
    });
    call.on('timeout', () => call.destroy(new Error(`no answer within ${timeoutMs} ms`)));
    call.on('error', (error) => fail(error.message, error));
    call.end();
  });
}

/** What the question lacks is said in a sentence for people: its address would say nothing more. */
export function isAnswer(status: number | undefined, body: string): boolean {
  return status === 400 && /^[^<{\n]+$/.test(body.trim());
}

/** The same for an answer that goes on. Resolves at its end, or when the signal says so. */
export function streamText(url: string, onText: (text: string) => void, signal: AbortSignal): Promise<void> {
  return streamCall(request(url), onText, signal).catch((error: unknown) => {
    throw new WeftError(`${url}: ${messageOf(error)}`, { source: 'cli', retryable: true, cause: error });
  });
}

/** Sends a request and gives the text of its answer as it comes. An answer other than 200 rejects. */
export function streamCall(call: ClientRequest, onText: (text: string) => void, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const end = (error?: Error): void => (error === undefined || signal.aborted ? resolve() : reject(error));
    signal.addEventListener('abort', () => call.destroy(), { once: true });
    call.on('response', (response) => {
      const refused = response.statusCode !== 200;
      let reason = '';
      response.setEncoding('utf8');
      response.on('data', (text: string) => {
        if (!refused) onText(text);
        else if (reason.length < 300) reason += text;
      });
      response.on('error', end);
      response.on('end', () =>
        end(refused ? new Error(`answered ${response.statusCode}: ${reason.trim()}`) : undefined),
      );
    });
    call.on('error', end);
    call.end();
  });
}

export async function getJson<T>(url: string, timeoutMs?: number): Promise<T> {
  return JSON.parse(await getText(url, timeoutMs)) as T;
}

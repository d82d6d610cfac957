import { request } from 'node:http';
import { WeftError } from '../../common/runtime/errors.js';

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
        else fail(`answered ${response.statusCode}: ${body.trim().slice(0, 300)}`);
      });
    });
    call.on('timeout', () => call.destroy(new Error(`no answer within ${timeoutMs} ms`)));
    call.on('error', (error) => fail(error.message, error));
    call.end();
  });
}

export async function getJson<T>(url: string, timeoutMs?: number): Promise<T> {
  return JSON.parse(await getText(url, timeoutMs)) as T;
}

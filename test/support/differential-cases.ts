import { expect, it } from 'vitest';
import type { Differential, Exchange } from './differential.js';

/** One exchange and what Envoy is known to answer, so that a mistake in the setup is no agreement. */
export type Case = readonly [name: string, status: number | 'none' | 'any', exchange: Exchange];

/** A request without body. A list of values gives several fields of a name. */
export function request(
  method: string,
  path: string,
  headers: Readonly<Record<string, string | readonly string[]>> = {},
  body = '',
): string {
  const fields = Object.entries({ host: 'test', ...headers }).flatMap(([name, value]) =>
    (typeof value === 'string' ? [value] : value).map((one) => `${name}: ${one}\r\n`),
  );
  return `${method} ${path} HTTP/1.1\r\n${fields.join('')}\r\n${body}`;
}

/** An exchange of one GET. */
export function get(path: string, headers: Parameters<typeof request>[2] = {}, more: Partial<Exchange> = {}): Exchange {
  return { send: [request('GET', path, headers)], ...more };
}

/** An exchange of one request of another method, or with a body. */
export function ask(
  method: string,
  path: string,
  headers: Parameters<typeof request>[2] = {},
  body = '',
  more: Partial<Exchange> = {},
): Exchange {
  const length = body === '' ? {} : { 'content-length': String(body.length) };
  return { send: [request(method, path, { ...headers, ...length }, body)], methods: [method], ...more };
}

/** Gives each case to both proxies: status as told, and in nothing a difference. */
export function compare(both: () => Differential, cases: readonly Case[]): void {
  it.each(cases)('%s: %s', async (_name, status, exchange) => {
    const { envoy, weft } = await both().run(exchange);
    expect(weft).toEqual(envoy);
    if (status !== 'any') expect(envoy.responses.at(-1)?.start.split(' ')[1] ?? 'none').toBe(String(status));
  });
}

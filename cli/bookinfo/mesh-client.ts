import { Agent, type IncomingHttpHeaders, request } from 'node:http';

/** What an application passes on from the request that it serves, so that traces and rules hold along the way. */
export const PASSED_ON = [
  'x-request-id',
  'traceparent',
  'tracestate',
  'x-b3-traceid',
  'x-b3-spanid',
  'x-b3-parentspanid',
  'x-b3-sampled',
  'x-b3-flags',
  'b3',
  'end-user',
  'user-agent',
  'cookie',
  'authorization',
]; // prettier-ignore

export interface MeshAnswer {
  readonly status: number;
  readonly body: string;
}

/**
 * Calls other services by their names, through the HTTP proxy that HTTP_PROXY names (the workload's sidecar), or
 * directly where there is none. An answer is never an exception; no answer is status 0.
 */
export class MeshClient {
  private readonly agent = new Agent({ keepAlive: true, maxSockets: 64 });
  private readonly proxy: URL | undefined;

  constructor(proxy: string | undefined) {
    this.proxy = proxy === undefined || proxy === '' ? undefined : new URL(proxy);
  }

  get(url: string, inherited: IncomingHttpHeaders, timeoutMs = 10_000): Promise<MeshAnswer> {
    const target = new URL(url);
    const headers: Record<string, string> = { host: target.host };
    for (const name of PASSED_ON) {
      const value = inherited[name];
      if (typeof value === 'string') headers[name] = value;
    }
    const via = this.proxy ?? target;
    return new Promise((resolve) => {
      const call = request(
        {
          agent: this.agent,
          host: via.hostname,
          port: via.port,
          path: this.proxy === undefined ? `${target.pathname}${target.search}` : url,
          headers,
          timeout: timeoutMs,
        },
        (response) => {
          const chunks: Buffer[] = [];
          response.on('data', (chunk: Buffer) => chunks.push(chunk));
          response.on('end', () =>
            resolve({ status: response.statusCode ?? 0, body: Buffer.concat(chunks).toString('utf8') }),
          );
          response.on('error', (error) => resolve({ status: 0, body: error.message }));
        },
      );
      call.on('timeout', () => call.destroy(new Error('timeout')));
      call.on('error', (error) => resolve({ status: 0, body: error.message }));
      call.end();
    });
  }

  close(): void {
    this.agent.destroy();
  }
}

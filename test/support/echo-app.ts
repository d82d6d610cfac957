import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A request as the application saw it. */
export interface Seen {
  readonly name: string;
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
}

/**
 * An application that answers with what it saw, as JSON. The request decides how: `x-delay` waits so many milliseconds,
 * `x-status` answers with a status, `x-status-of: NAME=503` only where the name is this application's, `x-fail-first: 2`
 * fails that many tries of one `x-request-id`.
 */
export class EchoApp {
  /** Every request that came, oldest first. */
  readonly seen: Seen[] = [];
  private readonly server: Server;
  private readonly tries = new Map<string, number>();

  constructor(readonly name: string) {
    // It never hangs up by itself: a request on its way at that moment would fail for no fault of the sidecar's.
    this.server = createServer({ keepAliveTimeout: 3_600_000 }, (request, response) => this.answer(request, response));
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  listen(): Promise<void> {
    return new Promise((resolve) => this.server.listen(0, '127.0.0.1', resolve));
  }

  close(): void {
    this.server.close();
    this.server.closeAllConnections();
  }

  private answer(request: IncomingMessage, response: ServerResponse): void {
    const seen: Seen = {
      name: this.name,
      method: request.method ?? '',
      path: request.url ?? '',
      headers: Object.fromEntries(Object.entries(request.headers).map(([name, value]) => [name, String(value)])),
    };
    this.seen.push(seen);
    const status = this.statusFor(seen.headers);
    const send = (): void => {
      response.writeHead(status, { 'content-type': 'application/json', 'x-from-app': this.name, 'x-secret': 'app' });
      response.end(JSON.stringify(seen));
    };
    const delay = Number(seen.headers['x-delay'] ?? 0);
    if (delay > 0) setTimeout(send, delay);
    else send();
  }

  private statusFor(headers: Seen['headers']): number {
    const wanted = Number(headers['x-status'] ?? 503);
    const failures = Number(headers['x-fail-first'] ?? 0);
    if (failures > 0) {
      const id = headers['x-request-id'] ?? '';
      const before = this.tries.get(id) ?? 0;
      this.tries.set(id, before + 1);
      return before < failures ? wanted : 200;
    }
    const [name, status] = (headers['x-status-of'] ?? '').split('=');
    if (name === this.name) return Number(status);
    return headers['x-status'] === undefined ? 200 : wanted;
  }
}

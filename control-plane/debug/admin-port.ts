import { request } from 'node:http';
import { createServer } from 'node:net';

/**
 * Whether somebody else than the workload's own proxy holds its admin port. A proxy that runs answers `/server_info` with
 * its node; for a free port the answer is no.
 */
export async function heldBySomebodyElse(
  host: string,
  port: number,
  isOwn: (nodeId: string) => boolean,
): Promise<boolean> {
  if (await isFree(host, port)) return false;
  const node = await nodeAt(host, port);
  return node === undefined || !isOwn(node);
}

function isFree(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen({ port, host, exclusive: true }, () => server.close(() => resolve(true)));
  });
}

const PATIENCE_MS = 500;
const MAX_ANSWER = 1_000_000;

function nodeAt(host: string, port: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    const call = request({ host, port, path: '/server_info', agent: false, timeout: PATIENCE_MS }, (response) => {
      let body = '';
      response.on('data', (chunk: Buffer) => {
        body += chunk.toString();
        if (body.length > MAX_ANSWER) call.destroy();
      });
      response.on('close', () => resolve(nodeIdOf(body)));
    });
    call.on('timeout', () => call.destroy());
    call.on('error', () => resolve(undefined));
    call.end();
  });
}

function nodeIdOf(body: string): string | undefined {
  try {
    const id = (JSON.parse(body) as { node?: { id?: unknown } }).node?.id;
    return typeof id === 'string' ? id : undefined;
  } catch {
    return undefined;
  }
}

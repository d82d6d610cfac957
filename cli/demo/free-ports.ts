import { createServer } from 'node:net';

/** Below what systems give to outgoing connections, any of which could take a port before it is used, and below our sidecars' ports. */
const FIRST = 10_000;
const LAST = 19_999;
const ATTEMPTS = 5_000;

/** Given before by this process: who got them may not listen yet. */
const given = new Set<number>();

/** `count` different ports of the loopback address that are free at the moment. */
export async function freePorts(count: number): Promise<number[]> {
  const found = new Set<number>();
  for (let attempt = 0; found.size < count && attempt < ATTEMPTS; attempt++) {
    const port = FIRST + Math.floor(Math.random() * (LAST - FIRST + 1));
    if (given.has(port)) continue;
    given.add(port);
    if (await isFree(port)) found.add(port);
  }
  if (found.size < count) throw new Error(`no ${count} free ports from ${FIRST} to ${LAST} on 127.0.0.1`);
  return [...found];
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}

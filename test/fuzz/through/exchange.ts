import { connect } from 'node:net';
import { NUMBER } from './upstream.js';

/** Nobody waits longer than this for an answer, ms. */
const PATIENCE_MS = 15_000;

export interface Exchange {
  /** Address and port of this end, as the proxy sees it. */
  readonly client: string;
  /** Final answers that came. */
  readonly answers: number;
  /** The numbers that upstream gave to its answers, in the order in which they came. */
  readonly numbers: readonly number[];
  readonly hung: boolean;
}

/** Sends bytes over a connection of its own, and reads until so many answers are there or the other side ends it. */
export function exchange(port: number, input: Buffer, answers: number): Promise<Exchange> {
  return new Promise((resolve) => {
    let output = '';
    let hung = false;
    let client = '';
    const socket = connect({ port, host: '127.0.0.1' }, () => {
      client = `127.0.0.1:${socket.localPort}`;
      socket.write(input);
    });
    const timer = setTimeout(() => {
      hung = true;
      socket.destroy();
    }, PATIENCE_MS);
    socket.on('error', () => undefined);
    socket.on('data', (chunk) => {
      output += chunk.toString('latin1');
      if (finals(output) >= answers && output.lastIndexOf('\r\n\r\n') > output.lastIndexOf('HTTP/1.')) socket.destroy();
    });
    socket.on('close', () => {
      clearTimeout(timer);
      const numbers = [...output.matchAll(new RegExp(`^${NUMBER}: (\\d+)\\r$`, 'gim'))].map((found) =>
        Number(found[1]),
      );
      resolve({ client, answers: finals(output), numbers, hung });
    });
    if (answers === 0) socket.on('connect', () => setTimeout(() => socket.destroy(), 5));
  });
}

/** None of the bodies that come back has a line like this. */
function finals(output: string): number {
  return output.match(/^HTTP\/1\.[01] [2-5]\d\d/gm)?.length ?? 0;
}

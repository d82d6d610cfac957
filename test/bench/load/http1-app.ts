import { createServer } from 'node:net';

const BODY = Buffer.alloc(1024, 'x');
const RESPONSE = Buffer.concat([
  Buffer.from(`HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: ${BODY.length}\r\n\r\n`),
  BODY,
]);
const HEAD_END = Buffer.from('\r\n\r\n');

/** An application that answers every request with 1 KiB; gives its port. In a pod of its own it is told one, for all addresses. */
export function serveHttp1(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer({ noDelay: true }, (socket) => {
      let rest: Buffer | undefined;
      socket.on('error', () => socket.destroy());
      socket.on('data', (chunk: Buffer) => {
        let data = rest === undefined ? chunk : Buffer.concat([rest, chunk]);
        rest = undefined;
        for (let end = data.indexOf(HEAD_END); end >= 0; end = data.indexOf(HEAD_END)) {
          socket.write(RESPONSE);
          data = data.subarray(end + 4);
        }
        if (data.length > 0) rest = data;
      });
    });
    const { BENCH_PORT: port } = process.env;
    server.listen(Number(port ?? 0), port === undefined ? '127.0.0.1' : '0.0.0.0', () => {
      const address = server.address();
      resolve(typeof address === 'object' && address !== null ? address.port : 0);
    });
  });
}

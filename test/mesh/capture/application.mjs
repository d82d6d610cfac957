// The application in the pod: HTTP that tells what it sees, a server that speaks first, and TLS of its own.
import { readFileSync } from 'node:fs';
import { createServer as createHttp } from 'node:http';
import { createServer } from 'node:net';
import { createServer as createTls } from 'node:tls';

const { cert, key } = JSON.parse(readFileSync(process.argv[2], 'utf8'));
const http = (request, response) => {
  const { host, 'x-forwarded-client-cert': client = '-' } = request.headers;
  response.end(`${request.url} ${host} ${client} from ${request.socket.remoteAddress}`);
};
for (const port of [8080, 8081]) createHttp(http).listen(port, '::');
const greet = (socket) => {
  socket.write('hello ');
  socket.on('error', () => {});
  let seen = '';
  socket.on('data', (chunk) => {
    seen += chunk;
  });
  socket.on('end', () => socket.end(`you said ${seen}`));
};
for (const port of [3306, 3307]) createServer({ allowHalfOpen: true }, greet).listen(port, '::');
createTls({ cert, key }, (socket) => {
  socket.on('error', () => {});
  socket.end(`tls for ${socket.servername}`);
}).listen(8443, '::', () => console.log('application ready'));

// One connection from a pod: `http|tcp|tls HOST PORT`, and what came back as one line of JSON.
import { connect } from 'node:net';
import { connect as connectTls } from 'node:tls';

const [kind, host, port] = process.argv.slice(2);
const options = { host, port: Number(port), allowHalfOpen: true };
const socket =
  kind === 'tls' ? connectTls({ ...options, servername: 'app.example', rejectUnauthorized: false }) : connect(options);
let text = '';
const end = (error) => {
  console.log(JSON.stringify({ text, error }));
  process.exit(0);
};
socket.setTimeout(8000, () => end('silence'));
socket.on('error', (error) => end(error.code));
socket.on('end', () => end());
socket.on('close', () => end());
socket.on('data', (chunk) => {
  text += chunk;
  // A server that speaks first is answered only then.
  if (kind === 'tcp' && text === 'hello ') socket.end('hi');
});
if (kind === 'http') socket.write(`GET /path HTTP/1.1\r\nhost: shop\r\nconnection: close\r\n\r\n`);

import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { RunningProxy } from './targets.js';
import { MARK } from './upstream.js';

/** nginx as a proxy with kept connections; a text where there is none. */
export async function startNginx(upstreamPort: number, word: string): Promise<RunningProxy | string> {
  if (spawnSync('nginx', ['-v']).status !== 0) return 'no nginx here';
  const folder = mkdtempSync(join(tmpdir(), 'fuzz-nginx-'));
  const file = join(folder, 'nginx.conf');
  const port = await freePort();
  writeFileSync(file, configuration(folder, port, upstreamPort, word));
  const child = spawn('nginx', ['-p', folder, '-c', file, '-e', join(folder, 'error.log')], { stdio: 'ignore' });
  const stop = async (): Promise<void> => {
    await ended(child);
    rmSync(folder, { recursive: true, force: true });
  };
  for (let left = 100; left > 0 && child.exitCode === null; left--) {
    if (await accepts(port)) return { port, stop };
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  await stop();
  return 'nginx does not start';
}

function configuration(folder: string, port: number, upstreamPort: number, word: string): string {
  const places = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
    .map((name) => `${name}_temp_path ${folder}/${name};`)
    .join(' ');
  return `daemon off; master_process off; pid ${folder}/pid; error_log ${folder}/error.log crit;
events { worker_connections 512; }
http {
  access_log off; ${places}
  client_max_body_size 0; keepalive_timeout 60s; keepalive_requests 1000000; lingering_close off;
  underscores_in_headers on;
  upstream app { server 127.0.0.1:${upstreamPort}; keepalive 4; }
  server {
    listen 127.0.0.1:${port};
    location / {
      # What has no version is a request to nginx, and the beginning of one to everybody else.
      if ($server_protocol !~ "^HTTP/1") { return 505; }
      proxy_pass http://app; proxy_http_version 1.1;
      proxy_set_header Connection ""; proxy_set_header ${MARK} "${word} $remote_addr:$remote_port";
    }
  }
}
`;
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === 'object' && address !== null ? address.port : 0;
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1' }, () => resolve(true));
    socket.on('error', () => resolve(false));
    socket.on('connect', () => socket.destroy());
  });
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exit = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGTERM');
  await exit;
}

import { mkdirSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { cpuMicros, type Memory, memoryOf } from './proc.js';
import { freePort, PinnedProcess, PROXY_CPU } from './processes.js';
import type { Context } from './scenario.js';
import { onPath } from './tools.js';

/** Whose cost a round measures. */
export interface Side {
  readonly name: string;
  /** Where it takes requests. */
  readonly port: number;
  /** Processor time so far, microseconds. */
  cpuMicros(): number;
  memory(): Memory;
  /** @throws Error when it has ended. */
  check(): void;
}

/** A plain reverse proxy, without anything that a mesh does: what the kernel and HTTP alone cost. */
interface Program {
  readonly name: string;
  readonly command: (program: string, file: string, folder: string) => string[];
  readonly configuration: (port: number, upstream: number, folder: string) => string;
}

const NEVER = 1_000_000_000;

const PROGRAMS: readonly Program[] = [
  {
    name: 'nginx',
    command: (program, file, folder) => [program, '-p', folder, '-c', file, '-e', 'stderr'],
    configuration: (
      port,
      upstream,
      folder,
    ) => `daemon off; master_process off; pid ${folder}/nginx.pid; error_log stderr crit;
events { worker_connections 4096; }
http {
  access_log off; keepalive_requests ${NEVER}; client_body_temp_path ${folder}/body; proxy_temp_path ${folder}/proxy;
  fastcgi_temp_path ${folder}/fastcgi; uwsgi_temp_path ${folder}/uwsgi; scgi_temp_path ${folder}/scgi;
  upstream application { server 127.0.0.1:${upstream}; keepalive 1024; keepalive_requests ${NEVER}; }
  server {
    listen 127.0.0.1:${port};
    location / { proxy_pass http://application; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Host $host; }
  }
}
`,
  },
  {
    name: 'haproxy',
    command: (program, file) => [program, '-db', '-f', file],
    configuration: (port, upstream) => `global
  nbthread 1
  maxconn 4096
defaults
  mode http
  timeout connect 5s
  timeout client 60s
  timeout server 60s
  http-reuse always
frontend clients
  bind 127.0.0.1:${port}
  default_backend application
backend application
  server one 127.0.0.1:${upstream}
`,
  },
];

/** Those of nginx and HAProxy that are installed, passing everything on to `upstream`. */
export async function startOrientation(context: Context, upstream: number): Promise<Side[]> {
  const sides: Side[] = [];
  for (const one of PROGRAMS) {
    const program = onPath(one.name);
    if (program !== undefined) sides.push(await start(context, one, program, upstream));
  }
  return sides;
}

async function start(context: Context, one: Program, program: string, upstream: number): Promise<Side> {
  const { name, command, configuration } = one;
  const port = await freePort();
  const folder = join(context.folder, name);
  mkdirSync(folder);
  const file = join(folder, `${name}.conf`);
  writeFileSync(file, configuration(port, upstream, folder));
  const process = new PinnedProcess(name, PROXY_CPU, command(program, file, folder));
  context.defer(() => process.stop());
  await untilListening(port, process);
  return {
    ...{ name, port },
    cpuMicros: () => cpuMicros(process.pid),
    memory: () => memoryOf([process.pid]),
    check: () => process.check(),
  };
}

const TIMEOUT_MS = 10_000;
const POLL_MS = 20;

async function untilListening(port: number, process: PinnedProcess): Promise<void> {
  const deadline = performance.now() + TIMEOUT_MS;
  while (!(await listens(port))) {
    process.check();
    if (performance.now() > deadline) throw new Error(`nobody listens on port ${port} after ${TIMEOUT_MS / 1000} s`);
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

function listens(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port }, () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}

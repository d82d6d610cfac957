import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import net, { type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const FOLDER = fileURLToPath(new URL('../../.suites/', import.meta.url));

/** Path of a program that setup.mjs built; undefined where it could not. */
export function program(
  name: 'h2spec' | 'interop-client' | 'interop-server' | 'zipkin.jar' | 'workload-client' | 'x509check',
): string | undefined {
  const path = join(FOLDER, name);
  return existsSync(path) ? path : undefined;
}

export interface Ended {
  readonly code: number;
  readonly output: string;
}

/** Runs a program to its end, or for so long. */
export function run(path: string, args: readonly string[], timeoutMs: number): Promise<Ended> {
  return new Promise((resolve) => {
    const options = { timeout: timeoutMs, maxBuffer: 16 * 1024 * 1024 };
    execFile(path, args, options, (error, stdout, stderr) => {
      const code = error === null ? 0 : typeof error.code === 'number' ? error.code : 1;
      resolve({ code, output: `${stdout}${stderr}` });
    });
  });
}

/** Starts a server that is given its port, and waits until it listens. */
export async function startServer(
  path: string,
  args: (port: number) => readonly string[],
  env: (port: number) => Readonly<Record<string, string>> = () => ({}),
) {
  const port = await freePort();
  const child: ChildProcess = spawn(path, args(port), { stdio: 'ignore', env: { ...process.env, ...env(port) } });
  for (let attempt = 0; !(await accepts(port)); attempt++) {
    if (attempt > 3600 || child.exitCode !== null) throw new Error(`${path} does not listen`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return { port, stop: () => child.kill() };
}

async function freePort(): Promise<number> {
  const server = net.createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = net.connect({ port, host: '127.0.0.1' });
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}

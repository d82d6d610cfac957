import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { weft } from './demo-process.js';

interface LogLine {
  readonly msg?: string;
  readonly xds?: number;
  readonly debug?: number;
}

/** One `weft control-plane --kubernetes`, on free ports of loopback. */
export class Replica {
  readonly log: string[] = [];
  readonly child: ChildProcess;
  private readonly waiting = new Set<() => void>();

  constructor(
    readonly name: string,
    kubeconfigPath: string,
    args: readonly string[] = [],
  ) {
    const ports = ['--xds-port', '0', '--debug-port', '0', '--webhook-port', '0', '--shutdown-delay', '200ms'];
    this.child = spawn(
      process.execPath,
      [weft, 'control-plane', '--kubernetes', '--listen', '127.0.0.1', ...ports, ...args],
      {
        stdio: ['ignore', 'ignore', 'pipe'],
        env: { ...process.env, KUBECONFIG: kubeconfigPath, POD_NAME: name, POD_NAMESPACE: 'istio-system' },
      },
    );
    const { stderr } = this.child;
    if (stderr === null) throw new Error('no pipe');
    createInterface({ input: stderr }).on('line', (line) => {
      this.log.push(line);
      for (const wake of this.waiting) wake();
    });
    this.child.once('exit', () => {
      for (const wake of this.waiting) wake();
    });
  }

  /** `127.0.0.1:PORT` of xDS and CA; resolves when it serves proxies. */
  async xdsAddress(): Promise<string> {
    return `127.0.0.1:${(await this.ready()).xds}`;
  }

  async get(path: string): Promise<Response> {
    return fetch(`http://127.0.0.1:${(await this.ready()).debug}${path}`);
  }

  private ready(): Promise<LogLine> {
    return this.said('the control plane is ready');
  }

  /** Resolves with the first line of the log that has such a message. */
  async said(message: string, timeoutMs = 60_000): Promise<LogLine> {
    const deadline = Date.now() + timeoutMs;
    for (;;) {
      const line = this.log.find((entry) => entry.includes(`"msg":"${message}"`));
      if (line !== undefined) return JSON.parse(line) as LogLine;
      const left = deadline - Date.now();
      if (this.child.exitCode !== null || left <= 0) {
        throw new Error(`${this.name} never said "${message}":\n${this.log.slice(-30).join('\n')}`);
      }
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, left);
        const wake = (): void => {
          clearTimeout(timer);
          this.waiting.delete(wake);
          resolve();
        };
        this.waiting.add(wake);
      });
    }
  }

  leads(): boolean {
    const [last] = this.log.filter((line) => /"msg":"this control plane leads/.test(line)).slice(-1);
    return last?.includes('"msg":"this control plane leads"') === true;
  }

  /** Resolves with the exit code; null when a signal ended it. */
  end(signal: NodeJS.Signals = 'SIGTERM'): Promise<number | null> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return Promise.resolve(this.child.exitCode);
    return new Promise((resolve) => {
      this.child.once('exit', (code) => resolve(code));
      this.child.kill(signal);
    });
  }
}

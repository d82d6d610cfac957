import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';

/** Why this machine cannot have network namespaces with capture rules; undefined when it can. */
export function whyNoNamespaces(): string | undefined {
  if (process.platform !== 'linux') return 'needs Linux';
  if (process.getuid?.() !== 0) return 'needs root';
  for (const program of ['ip', 'iptables-restore', 'ip6tables-restore', 'setpriv']) {
    if (spawnSync(program, ['--version'], { stdio: 'ignore' }).error !== undefined)
      return `needs the program ${program}`;
  }
  const name = `weft-try-${process.pid}`;
  if (spawnSync('ip', ['netns', 'add', name]).status !== 0) return 'network namespaces are not to be had';
  const nat = spawnSync('ip', ['netns', 'exec', name, 'iptables', '-t', 'nat', '-S']).status === 0;
  spawnSync('ip', ['netns', 'del', name]);
  return nat ? undefined : "the kernel has no table 'nat' for iptables";
}

/** A network of its own, as a pod has it, with processes in it. */
export class Pod {
  private readonly children: ChildProcess[] = [];
  readonly log: string[] = [];

  constructor(
    readonly name: string,
    readonly ip4: string,
    readonly ip6: string,
  ) {
    must('ip', ['netns', 'add', name]);
    must('ip', ['-n', name, 'link', 'set', 'lo', 'up']);
  }

  /** Joins two pods by a cable; everything that one does not know is at the other's end. */
  static connect(a: Pod, b: Pod): void {
    must('ip', ['link', 'add', 'eth0', 'netns', a.name, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', b.name]);
    for (const [pod, peer] of [
      [a, b],
      [b, a],
    ] as const) {
      const ip = (...args: string[]): void => must('ip', ['-n', pod.name, ...args]);
      ip('addr', 'add', `${pod.ip4}/24`, 'dev', 'eth0');
      ip('addr', 'add', `${pod.ip6}/64`, 'dev', 'eth0', 'nodad');
      ip('link', 'set', 'eth0', 'up');
      ip('route', 'add', 'default', 'via', peer.ip4);
      ip('-6', 'route', 'add', 'default', 'via', peer.ip6);
    }
  }

  /** Runs a program to its end; its output, or an Error with it. */
  run(command: readonly string[], uid?: number): string {
    const [program = '', ...args] = this.inside(command, uid);
    const { status, stdout, stderr } = spawnSync(program, args, { encoding: 'utf8', timeout: 30_000 });
    if (status !== 0) throw new Error(`${command.join(' ')}: ${stderr}${stdout}`);
    return stdout;
  }

  /** Starts a program that stays. */
  start(
    command: readonly string[],
    options: { readonly uid?: number; readonly gid?: number; readonly env?: NodeJS.ProcessEnv } = {},
  ): ChildProcess {
    const [program = '', ...args] = this.inside(command, options.uid, options.gid);
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, ...options.env } });
    for (const stream of [child.stdout, child.stderr]) {
      if (stream !== null) createInterface({ input: stream }).on('line', (line) => this.log.push(line));
    }
    this.children.push(child);
    return child;
  }

  /** Resolves when the sidecar that was started here is ready; rejects when it has ended instead. */
  async untilReady(sidecar: ChildProcess): Promise<void> {
    for (;;) {
      if (sidecar.exitCode !== null) throw new Error(this.log.join('\n'));
      try {
        this.run(['curl', '-sf', '-m', '2', 'http://127.0.0.1:15000/ready']);
        return;
      } catch {
        await delay(100);
      }
    }
  }

  async remove(): Promise<void> {
    for (const child of this.children) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      const gone = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGKILL');
      await gone;
    }
    spawnSync('ip', ['netns', 'del', this.name]);
  }

  private inside(command: readonly string[], uid?: number, gid = uid): readonly string[] {
    const as = uid === undefined ? [] : ['setpriv', `--reuid=${uid}`, `--regid=${gid}`, '--clear-groups'];
    return ['ip', 'netns', 'exec', this.name, ...as, ...command];
  }
}

function must(program: string, args: readonly string[]): void {
  const { status, stderr } = spawnSync(program, args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${program} ${args.join(' ')}: ${stderr}`);
}

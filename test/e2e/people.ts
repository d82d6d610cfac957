import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { kubectl, PLAIN, run, SYSTEM } from './cluster.js';

/** The `weft` program as a user calls it. Rejects with what it said when it fails. */
export function weft(...args: readonly string[]): Promise<string> {
  return run(process.execPath, ['bin/weft.mjs', ...args]);
}

/** Somebody with a kubeconfig of their own and few rights: a ServiceAccount. */
export class Person {
  readonly #file: string;
  readonly #bindings: string[] = [];

  constructor(
    readonly name: string,
    folder: string,
  ) {
    this.#file = join(folder, name);
  }

  get user(): string {
    return `system:serviceaccount:${PLAIN}:${this.name}`;
  }

  /** What makes `weft` this person. */
  get words(): readonly string[] {
    return ['--kubeconfig', this.#file];
  }

  /** `roles`: `Role/NAME` in the control plane's namespace, or `ClusterRole/NAME`. */
  async join(...roles: readonly string[]): Promise<void> {
    await kubectl('create', 'serviceaccount', this.name, '-n', PLAIN);
    for (const role of roles) {
      const [kind = '', name = ''] = role.split('/');
      const place = kind === 'Role' ? ['-n', SYSTEM] : [];
      const binding = `${kind === 'Role' ? '' : 'cluster'}rolebinding`;
      const account = `--serviceaccount=${PLAIN}:${this.name}`;
      await kubectl('create', binding, this.name, ...place, `--${kind.toLowerCase()}=${name}`, account);
      this.#bindings.push([binding, this.name, ...place].join(' '));
    }
    writeFileSync(this.#file, await kubectl('config', 'view', '--raw', '--flatten', '--minify'), { mode: 0o600 });
    const config = (...words: string[]): Promise<string> => kubectl('--kubeconfig', this.#file, 'config', ...words);
    await config('set-credentials', this.name, `--token=${await this.token()}`);
    await config('set-context', '--current', `--user=${this.name}`);
  }

  async token(): Promise<string> {
    return (await kubectl('create', 'token', this.name, '-n', PLAIN)).trim();
  }

  async leave(): Promise<void> {
    for (const binding of this.#bindings) await kubectl('delete', '--ignore-not-found', ...binding.split(' '));
    await kubectl('delete', 'serviceaccount', this.name, '-n', PLAIN, '--ignore-not-found');
  }
}

import { rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { KeyKind } from '../../common/identity/keys.js';
import { privateKeyPem } from '../../common/identity/keys.js';
import type { Clock } from '../../common/runtime/clock.js';
import { WeftError } from '../../common/runtime/errors.js';
import type { Logger } from '../../common/runtime/log.js';
import type { Authority } from './authority.js';
import { readPrivateFile, writeAtomically } from './files.js';
import type { AuthorityFiles } from './plugged-authority.js';
import { loadRootCa } from './root.js';
import { authorityOf, bundleOf, filesOf, type RootState, stateOf } from './root-state.js';
import type { RootStore } from './rotation.js';

export interface FolderRootsOptions {
  readonly stateDir: string;
  readonly organization: string;
  /** Of a root that is made here. */
  readonly keyKind?: KeyKind;
  readonly lifeMs?: number;
}

/**
 * The roots of a state folder: `ca/root.key` signs, `ca/root.pem` has every root that is trusted. While a rotation is under way
 * `ca/rotation.json` (mode 600) says all of it, and counts: it is written first and removed last.
 */
export class FolderRoots implements RootStore {
  private listener: (authority: Authority) => void = () => {};

  private constructor(
    private state: RootState,
    readonly path: string,
    private readonly clock: Clock,
  ) {}

  /** Throws a WeftError when what is there cannot be used. */
  static async load(options: FolderRootsOptions, clock: Clock, log: Logger): Promise<FolderRoots> {
    const rotating = await readPrivateFile(rotationPath(options.stateDir), log);
    const path = join(options.stateDir, 'ca', 'root.pem');
    if (rotating === undefined) {
      const { pem, privateKey } = await loadRootCa(options, clock, log);
      return new FolderRoots({ signer: { certificate: pem, privateKey: privateKeyPem(privateKey) } }, path, clock);
    }
    const state = stateOf(parsed(rotating));
    if (state === undefined) {
      throw new WeftError(
        `${rotationPath(options.stateDir)} cannot be read: it says how far the rotation of the root is`,
        {
          source: 'ca',
          retryable: false,
        },
      );
    }
    const roots = new FolderRoots(state, path, clock);
    // The start before may have been cut off between the two.
    await writeAtomically(path, bundleOf(state), 0o644);
    return roots;
  }

  get authority(): Authority {
    return authorityOf(this.state, this.path, this.clock.now());
  }

  /** Called with the authority after each change. */
  onAuthority(listener: (authority: Authority) => void): void {
    this.listener = listener;
  }

  read(): RootState {
    return this.state;
  }

  async write(next: RootState): Promise<void> {
    const authority = authorityOf(next, this.path, this.clock.now());
    const folder = dirname(this.path);
    const rotating = join(folder, 'rotation.json');
    if (next.rotation !== undefined) await writeAtomically(rotating, JSON.stringify(filesOf(next)), 0o600);
    else await writeAtomically(join(folder, 'root.key'), next.signer.privateKey, 0o600);
    await writeAtomically(this.path, bundleOf(next), 0o644);
    if (next.rotation === undefined) await rm(rotating, { force: true });
    this.state = next;
    this.listener(authority);
  }
}

function rotationPath(stateDir: string): string {
  return join(stateDir, 'ca', 'rotation.json');
}

function parsed(text: string): AuthorityFiles {
  try {
    return JSON.parse(text) as AuthorityFiles;
  } catch {
    return {};
  }
}

import type { KeyObject } from 'node:crypto';
import { dirname, join } from 'node:path';
import type { Clock } from '../../common/runtime/clock.js';
import { privateFolder, writeAtomically } from './files.js';
import { type Caller, issueToken } from './tokens.js';

const TTL_SECONDS = 86_400;

/** Tokens of workloads on this machine, as files of mode 600 that only their sidecars are to read. */
export class TokenFiles {
  private readonly written = new Map<string, { readonly caller: Caller; readonly at: number }>();

  constructor(
    private readonly stateDir: string,
    private readonly key: KeyObject,
    private readonly clock: Clock,
  ) {}

  /** The path of a workload's token, which is fresh: written anew at first use and after half of its life. */
  async ensure(workload: { readonly name: string } & Caller): Promise<string> {
    const { namespace, name, serviceAccount } = workload;
    const path = join(this.stateDir, 'tokens', encodeURIComponent(namespace), `${encodeURIComponent(name)}.jwt`);
    const last = this.written.get(path);
    const fresh = last !== undefined && this.clock.now() - last.at < (TTL_SECONDS * 1000) / 2;
    if (fresh && last.caller.serviceAccount === serviceAccount) return path;
    const caller = { namespace, serviceAccount };
    const token = await issueToken(this.key, { ...caller, ttlSeconds: TTL_SECONDS }, this.clock);
    await privateFolder(dirname(path));
    await writeAtomically(path, `${token}\n`, 0o600);
    this.written.set(path, { caller, at: this.clock.now() });
    return path;
  }
}

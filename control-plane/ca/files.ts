import { chmod, mkdir, open, readFile, rename, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Logger } from '../../common/runtime/log.js';

/** Writes a file so that whoever reads it sees all of it or the one before, also after a crash. */
export async function writeAtomically(path: string, content: string | Buffer, mode: number): Promise<void> {
  const temporary = `${path}.${process.pid}.tmp`;
  try {
    const file = await open(temporary, 'w', mode);
    try {
      await file.writeFile(content);
      await file.chmod(mode);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}

/** A folder that only its owner may enter. */
export async function privateFolder(path: string): Promise<void> {
  await mkdir(path, { recursive: true, mode: 0o700 });
  await chmod(path, 0o700);
}

/** A secret file's text, undefined when there is none. Permissions for others are taken away, with a warning. */
export async function readPrivateFile(path: string, log: Logger): Promise<string | undefined> {
  try {
    const { mode } = await stat(path);
    if ((mode & 0o077) !== 0 && process.platform !== 'win32') {
      log.warn({ path, mode: (mode & 0o777).toString(8) }, 'a private key was open to others; its mode is now 600');
      await chmod(path, 0o600);
    }
    return await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** A secret file's text; made by `create` at first use. */
export async function readOrCreatePrivateFile(
  path: string,
  create: () => Promise<string>,
  log: Logger,
): Promise<string> {
  await privateFolder(dirname(path));
  const existing = await readPrivateFile(path, log);
  if (existing !== undefined) return existing;
  const content = await create();
  await writeAtomically(path, content, 0o600);
  return content;
}

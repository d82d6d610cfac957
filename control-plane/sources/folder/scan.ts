import { readdir, realpath, stat } from 'node:fs/promises';
import { join } from 'node:path';

/** A file of the folder, by its path relative to the folder. */
export interface ScannedFile {
  readonly name: string;
  readonly path: string;
  readonly size: number;
  /** Changes whenever the file's content may have. */
  readonly signature: string;
  readonly changedAtMs: number;
}

const READ = /\.(?:yaml|yml|json)$/i;
const MAX_FOLDERS = 4_096;
const MAX_FILES = 20_000;

/** Names that editors and mounts use for what is no configuration: `.swp`, `..data`, `#x#`. */
function isHidden(name: string): boolean {
  return name.startsWith('.') || name.startsWith('#') || name.startsWith('~');
}

/**
 * Every configuration file under `root`, in order of path. Symbolic links are followed, each folder once. What vanishes
 * meanwhile is left out; throws when the root itself cannot be read, so that an unmounted folder does not look empty.
 */
export async function scanFolder(root: string): Promise<ScannedFile[]> {
  const found: ScannedFile[] = [];
  const visited = new Set<string>();
  const folders: string[] = [''];
  for (let folder = folders.shift(); folder !== undefined; folder = folders.shift()) {
    const entries = await listFolder(root, folder, visited);
    for (const entry of entries) {
      if (isHidden(entry)) continue;
      const name = folder === '' ? entry : `${folder}/${entry}`;
      const info = await stat(join(root, name), { bigint: true }).catch(() => undefined);
      if (info?.isDirectory() === true) {
        if (folders.length < MAX_FOLDERS) folders.push(name);
      } else if (info?.isFile() === true && READ.test(entry) && found.length < MAX_FILES) {
        found.push({
          name,
          path: join(root, name),
          size: Number(info.size),
          signature: `${info.dev}:${info.ino}:${info.size}:${info.mtimeNs}:${info.ctimeNs}`,
          changedAtMs: Number(info.ctimeMs),
        });
      }
    }
  }
  return found.sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
}

async function listFolder(root: string, folder: string, visited: Set<string>): Promise<string[]> {
  const path = join(root, folder);
  try {
    const real = await realpath(path);
    if (visited.has(real)) return [];
    visited.add(real);
    return await readdir(path);
  } catch (error) {
    if (folder === '') throw error;
    return [];
  }
}

import { readFile } from 'node:fs/promises';
import { messageOf } from '../../../common/runtime/errors.js';
import { MAX_FILE_BYTES } from '../../api/documents.js';
import { type ScannedFile, scanFolder } from './scan.js';

/** A file's text, or why there is none. */
export interface FileText {
  readonly name: string;
  readonly text: string | undefined;
  readonly fault: string | undefined;
}

/**
 * A file that changed so lately may change again without its times telling (they tick every few ms), so it is read again
 * instead of being taken from memory.
 */
const RECENT_MS = 2_000;

interface Entry extends FileText {
  readonly signature: string;
  readonly settled: boolean;
}

/** Texts of the folder's files; reads only what may have changed since the last time. */
export class FileCache {
  readonly #root: string;
  readonly #now: () => number;
  #entries: ReadonlyMap<string, Entry> = new Map();

  constructor(root: string, now: () => number) {
    this.#root = root;
    this.#now = now;
  }

  /** Texts of all files, by path. Throws when the folder itself cannot be read. */
  async refresh(): Promise<readonly FileText[]> {
    const files = await scanFolder(this.#root);
    const entries = new Map<string, Entry>();
    for (const file of files) {
      const known = this.#entries.get(file.name);
      const unchanged = known?.settled === true && known.signature === file.signature;
      const entry = unchanged ? known : await this.#read(file);
      if (entry !== undefined) entries.set(file.name, entry);
    }
    this.#entries = entries;
    return [...entries.values()];
  }

  async #read(file: ScannedFile): Promise<Entry | undefined> {
    const { name, signature } = file;
    const settled = this.#now() - file.changedAtMs > RECENT_MS;
    if (file.size > MAX_FILE_BYTES) {
      const fault = `the file has more than ${MAX_FILE_BYTES / 1024 / 1024} MiB; split it`;
      return { name, text: undefined, fault, signature, settled };
    }
    try {
      return { name, text: await readText(file.path), fault: undefined, signature, settled };
    } catch (error) {
      if (isMissing(error)) return undefined;
      return { name, text: undefined, fault: `cannot be read: ${messageOf(error)}`, signature, settled: false };
    }
  }
}

async function readText(path: string): Promise<string> {
  const bytes = await readFile(path);
  if (bytes.length > MAX_FILE_BYTES) throw new Error('the file has grown too large');
  return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR');
}

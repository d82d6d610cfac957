import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { dirname, extname, join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';

const TYPES: Readonly<Record<string, string>> = {
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.html': 'text/html; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.txt': 'text/plain; charset=utf-8',
};
/** Where the browser's part of the page stands below the folder that `bin/build.mjs` fills. */
const PAGE = 'control-plane/dashboard/page';

export interface Asset {
  readonly type: string;
  readonly body: Buffer;
  /** The same, gzipped. */
  readonly packed: Buffer;
}

/** All files of the page, in memory. */
export interface Assets {
  /** Of the content of all files: whoever asks for a file by it may keep it for ever. */
  readonly hash: string;
  /** By path: `page/main.js`, `common/…`. */
  readonly files: ReadonlyMap<string, Asset>;
  readonly index: Asset;
}

/** The folder with the compiled page, from wherever this module runs (`dist/` or the sources); undefined when it was not built. */
export function builtPage(): string | undefined {
  for (let dir = dirname(fileURLToPath(import.meta.url)); dirname(dir) !== dir; dir = dirname(dir)) {
    for (const candidate of [join(dir, 'page'), join(dir, 'dist', 'page')]) {
      if (existsSync(join(candidate, PAGE, 'index.html'))) return candidate;
    }
  }
  return undefined;
}

/** Reads and compresses the page. Rejects when a file cannot be read. */
export async function loadAssets(folder: string): Promise<Assets> {
  const sources = await readAll(folder);
  const hash = createHash('sha256');
  for (const [path, body] of sources) hash.update(path).update('\0').update(body);
  const name = hash.digest('hex').slice(0, 16);
  const files = new Map<string, Asset>();
  for (const [path, body] of sources) {
    const type = TYPES[extname(path)];
    if (type !== undefined && !path.endsWith('.html')) files.set(path, await asset(type, body));
  }
  const page = sources.get(`${PAGE}/index.html`)?.toString('utf8') ?? '';
  const index = page
    .replaceAll('{{page}}', `assets/${name}/${PAGE}`)
    .replace('<!-- modules -->', preloads([...files.keys()], name));
  return { hash: name, files, index: await asset('text/html; charset=utf-8', Buffer.from(index)) };
}

/** Tells the browser about all modules at once: it would find them one after the other. */
function preloads(paths: readonly string[], hash: string): string {
  return paths
    .filter((path) => path.endsWith('.js') && !path.endsWith('/theme.js'))
    .map((path) => `<link rel="modulepreload" href="assets/${hash}/${path}">`)
    .join('\n    ');
}

async function asset(type: string, body: Buffer): Promise<Asset> {
  return { type, body, packed: await promisify(gzip)(body, { level: 9 }) };
}

/** In a stable order. */
async function readAll(folder: string): Promise<Map<string, Buffer>> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const paths = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  const files = new Map<string, Buffer>();
  for (const path of paths.sort())
    if (extname(path) in TYPES) files.set(relative(folder, path).split(sep).join('/'), await readFile(path));
  return files;
}

import fs = require('node:fs');
import modules = require('node:module');
import path = require('node:path');
import v8 = require('node:v8');
import vm = require('node:vm');

/** One file with all that a sidecar runs, and V8's code cache of it for one Node; the build writes both (bin/bundle.mjs). */
const FILE = path.join(__dirname, '..', '..', 'sidecar', 'bundle.cjs');

type Wrapper = (require: NodeJS.Require, filename: string) => void;

/**
 * What V8 does otherwise in a sidecar; docs/performance.md has the figures. Set here and not on a command line, so that every
 * start has them, and the code cache fits.
 */
const FLAGS = [
  // So small a young generation is collected by one thread faster than others wake up.
  '--no-parallel-scavenge',
  // Its bound, from the command line, is in force by now, and Node 20 refuses a code cache made under another.
  '--max-semi-space-size=0',
  // Only in force from the command line; here so that a code cache fits both with and without it there.
  '--no-memory-reducer',
];

function present(): boolean {
  return fs.existsSync(FILE);
}

/** Where the code cache for this Node is. V8 itself refuses one that does not fit its version, its flags or the bundle. */
function cacheFile(): string {
  return path.join(path.dirname(FILE), `${process.version}-${process.arch}.cache`);
}

function read(file: string): Buffer | undefined {
  try {
    return fs.readFileSync(file);
  } catch {
    return undefined;
  }
}

/** The bundle, compiled or taken from the cache; it is a function expression. */
function compile(): vm.Script {
  for (const flag of FLAGS) v8.setFlagsFromString(flag);
  const cachedData = read(cacheFile());
  // ASCII: one byte a character.
  return new vm.Script(fs.readFileSync(FILE, 'latin1'), {
    filename: FILE,
    ...(cachedData !== undefined && { cachedData }),
  });
}

function run(script: vm.Script): void {
  const wrapper = script.runInThisContext() as Wrapper;
  wrapper(modules.createRequire(FILE), FILE);
}

export = { FILE, present, cacheFile, compile, run };

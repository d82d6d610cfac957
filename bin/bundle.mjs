// `node bin/bundle.mjs`, a step of the build: prepares what a sidecar starts from. The message types as one file; one file with
// everything that `weft proxy` loads; V8's code cache of it for this Node. Where one is missing, everything works, only later.
import { spawnSync } from 'node:child_process';
import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** Native code stays a package of its own. */
const EXTERNAL = ['koffi'];

/** The message types, so that no start parses .proto files. */
async function prepareMessages() {
  const { parseProtos, PREPARED } = await import('../dist/common/xds/proto-files.js');
  const { writeDescriptors } = await import('../dist/common/xds/message-types.js');
  writeFileSync(join(root, 'dist', PREPARED), writeDescriptors(parseProtos()));
}

/** Bundles the compiled modules. False when the bundler is not installed. */
async function bundle(file) {
  rmSync(dirname(file), { recursive: true, force: true });
  let rolldown;
  try {
    ({ rolldown } = await import('rolldown'));
  } catch {
    return false;
  }
  const built = await rolldown({
    input: join(root, 'dist', 'cli', 'sidecar', 'main.js'),
    platform: 'node',
    external: EXTERNAL,
  });
  const { output } = await built.generate({
    format: 'cjs',
    codeSplitting: false,
    // Names stay, for stack traces and profiles.
    minify: { compress: false, mangle: false, codegen: { removeWhitespace: true } },
  });
  await built.close();
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, `(function(require,__filename){${ascii(output[0].code)}\n})`);
  return true;
}

/** V8 keeps a source in one byte a character only if all are below 256. */
function ascii(code) {
  return code.replace(/[\u0080-\uffff]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

const REHEARSAL_MS = 600;

/** Starts a sidecar in this process, to whose configuration nobody answers, and keeps what V8 has compiled by then. */
async function rehearse({ cacheFile, compile, run }) {
  const script = compile();
  process.argv = [process.argv[0], 'weft', 'proxy', '-c', join(root, 'bin', 'rehearsal.json')];
  process.env.WEFT_LOG_LEVEL = 'silent';
  run(script);
  await new Promise((resolve) => setTimeout(resolve, REHEARSAL_MS));
  // Two builds may end at once.
  const partial = `${cacheFile()}.${process.pid}`;
  writeFileSync(partial, script.createCachedData());
  renameSync(partial, cacheFile());
  process.exit(0);
}

const { default: sidecar } = await import('../dist/cli/sidecar/bundle.cjs');
if (process.argv.includes('--rehearse')) await rehearse(sidecar);
await prepareMessages();
if (await bundle(sidecar.FILE)) {
  // A code cache is good for a start with the same options only.
  const { SIDECAR_NODE_OPTIONS } = await import('../dist/cli/installation.js');
  const command = [...SIDECAR_NODE_OPTIONS, fileURLToPath(import.meta.url), '--rehearse'];
  const { status } = spawnSync(process.execPath, command, {
    stdio: ['ignore', 2, 2],
  });
  if (status !== 0) process.stderr.write('weft: no code cache for the sidecar; it will start more slowly\n');
}

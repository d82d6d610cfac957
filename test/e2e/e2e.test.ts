import { afterAll, beforeAll, describe } from 'vitest';
import { skipWithoutCluster } from './cluster.js';
import { figures } from './figures.js';
import { identity } from './identity.js';
import { buildAndLoad, canBuild, install, startSample } from './installing.js';
import { measurements } from './measurements.js';
import { observing } from './observing.js';
import { resilience } from './resilience.js';
import { sample } from './sample.js';
import { shapes } from './shapes.js';
import { uninstalling } from './uninstalling.js';
import { workloads } from './workloads.js';
import { zeroTrust } from './zero-trust.js';

const skipped = skipWithoutCluster() || cannotBuild();

/** WEFT_E2E_REUSE=1 takes images and pods as an earlier run has left them: for work on these tests. */
const reuse = process.env['WEFT_E2E_REUSE'] === '1';

function cannotBuild(): boolean {
  if (canBuild()) return false;
  process.stderr.write('skipped: neither docker, podman nor buildah works here, so there are no images\n');
  return true;
}

// In this order: what installs comes first, what breaks things comes late, what takes everything away comes last.
describe.skipIf(skipped)('real pods', () => {
  let measured: readonly string[] = [];

  beforeAll(async () => {
    if (!reuse) await buildAndLoad();
    await install();
    await startSample();
    measured = await figures();
  }, 600_000);

  afterAll(() => {
    process.stdout.write(`\nAs measured in this run:\n${measured.map((line) => `  ${line}\n`).join('')}`);
  });

  describe('the sample', sample);
  describe('seen and undone', observing);
  describe('traffic', shapes);
  describe('workloads', workloads);
  describe('under load', resilience);
  describe('identity', identity);
  describe('zero trust', zeroTrust);
  describe('measurements', measurements);
  describe.skipIf(reuse)('the end', uninstalling);
});

import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { analyze } from '../../control-plane/analyze/analyze.js';
import { readFolder } from '../../control-plane/sources/folder/read-folder.js';
import { SAMPLE_WORKLOADS } from '../bookinfo/catalog.js';
import { installationRoot } from '../installation.js';
import { prepareSampleFolder, WORKLOADS_FILE } from './config-folder.js';

const SAMPLE = join(installationRoot(), 'deploy', 'samples', 'bookinfo-local');

it('ships a sample of which there is nothing to say', async () => {
  const set = await readFolder(SAMPLE);
  expect(analyze(set)).toEqual([]);
  for (const name of SAMPLE_WORKLOADS.keys()) {
    expect([...set.objects.keys()]).toContain(`WorkloadEntry/default/${name}`);
  }
});

it('prepares a folder with ports of its own', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'weft-sample-'));
  try {
    expect(await prepareSampleFolder(folder)).toBe(false);
    expect(analyze(await readFolder(folder))).toEqual([]);
    expect(readFileSync(join(folder, WORKLOADS_FILE), 'utf8')).not.toBe(
      readFileSync(join(SAMPLE, WORKLOADS_FILE), 'utf8'),
    );
    expect(await prepareSampleFolder(folder)).toBe(true);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

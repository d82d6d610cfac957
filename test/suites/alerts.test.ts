import { execFile, spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';

const FOLDER = fileURLToPath(new URL('../../deploy/dashboards/', import.meta.url));
const tests = readdirSync(FOLDER).filter((name) => name.endsWith('.test.yaml'));
const hasPromtool = spawnSync('promtool', ['--version']).status === 0;

describe.skipIf(!hasPromtool)('alert rules (skipped where there is no promtool on the PATH)', () => {
  it('each file has a test', () => {
    const rules = readdirSync(FOLDER).filter((name) => name.endsWith('.rules.yaml'));
    expect(tests.map((name) => name.replace('.test.', '.rules.')).sort()).toEqual(rules.sort());
  });

  it.each(tests)('%s', async (name) => {
    const { stdout } = await promisify(execFile)('promtool', ['test', 'rules', join(FOLDER, name)]);
    expect(stdout).toContain('SUCCESS');
  });
});

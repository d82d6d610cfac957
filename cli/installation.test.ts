import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { installationRoot, sidecarCommand } from './installation.js';

it('the image starts a sidecar as everything else does', () => {
  const file = readFileSync(join(installationRoot(), 'Dockerfile.proxy'), 'utf8');
  const entry = JSON.parse(/^ENTRYPOINT (.*)$/m.exec(file)?.[1] ?? '[]') as string[];
  const command = sidecarCommand('/usr/local/bin/node').map((part) => part.replace(installationRoot(), '/weft'));
  expect(entry).toEqual(command);
});

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { controlPlaneCommand, installationRoot, sidecarCommand } from './installation.js';

it.each([
  ['a sidecar', 'Dockerfile.proxy', sidecarCommand],
  ['a control plane', 'Dockerfile.control', controlPlaneCommand],
])('the image starts %s as everything else does', (_what, image, start) => {
  const file = readFileSync(join(installationRoot(), image), 'utf8');
  const entry = JSON.parse(/^ENTRYPOINT (.*)$/m.exec(file)?.[1] ?? '[]') as string[];
  expect(entry).toEqual(start('/usr/local/bin/node').map((part) => part.replace(installationRoot(), '/weft')));
});

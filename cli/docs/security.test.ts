import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const root = fileURLToPath(new URL('../../', import.meta.url));
const text = readFileSync(`${root}docs/security.md`, 'utf8');
const rows = [...text.matchAll(/\| `([^`]+\.test\.ts)`: `([^`]+)` \|$/gm)].map(([, file = '', name = '']) => [
  file,
  name,
]);

it('every row of the threat table names a test', () => {
  const table = text.slice(text.indexOf('## Attacks, and the tests'));
  expect(rows).toHaveLength(table.split('\n').filter((line) => line.startsWith('| ')).length - 1);
  expect(rows.length).toBeGreaterThan(20);
});

it.each(rows)('%s has the test "%s"', (file, name) => {
  expect(existsSync(root + file)).toBe(true);
  expect(readFileSync(root + file, 'utf8')).toContain(name);
});

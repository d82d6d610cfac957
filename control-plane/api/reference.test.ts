import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { expectGolden } from '../../test/support/golden.js';
import { configurationReference } from './reference.js';

it('docs/configuration.md says what the schemas do', () => {
  expectGolden(fileURLToPath(new URL('../../docs/configuration.md', import.meta.url)), configurationReference());
});

it('lists what is acted on and what is not', () => {
  const text = configurationReference();
  expect(text).toMatch(/\| `http\[\]\.match\[\]` \| .*`uri` \(exact, prefix, regex\)/);
  expect(text).toContain('| `http[].fault.delay.exponentialDelay` | as under Istio no delay is injected |');
});

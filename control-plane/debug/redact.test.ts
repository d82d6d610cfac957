import { expect, it } from 'vitest';
import { redacted } from './redact.js';

it('shows everything but what proves an identity', () => {
  expect(
    redacted({
      name: 'default',
      tls_certificate: { certificate_chain: { inline_string: 'public' }, private_key: { inline_string: 'secret' } },
      headers: [{ header: { key: 'Authorization', value: 'Bearer abc' } }, { header: { key: 'x-team', value: 'a' } }],
      list: ['a', 1, null, true],
      direct_response: { body: { inline_string: 'hello' } },
      basic: { password: { inline_string: 'secret' } },
    }),
  ).toEqual({
    name: 'default',
    tls_certificate: { certificate_chain: { inline_string: 'public' }, private_key: '[redacted]' },
    headers: [{ header: { key: 'Authorization', value: '[redacted]' } }, { header: { key: 'x-team', value: 'a' } }],
    list: ['a', 1, null, true],
    direct_response: { body: { inline_string: 'hello' } },
    basic: { password: '[redacted]' },
  });
});

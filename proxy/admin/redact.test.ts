import { expect, it } from 'vitest';
import { redact } from './redact.js';

it.each<[what: string, value: unknown]>([
  ['a key in place', { tls_certificates: [{ private_key: { inline_string: 'SECRET' } }] }],
  ['a key in bytes', { tls_certificates: [{ private_key: { inline_bytes: 'SECRET' } }] }],
  ['the password of a key', { tls_certificate: { password: { inline_string: 'SECRET' } } }],
  ['a generic secret', { generic_secret: { secret: { inline_string: 'SECRET' } } }],
  ['keys of session tickets', { session_ticket_keys: { keys: [{ inline_string: 'SECRET' }] } }],
  [
    'a bearer token of the xDS server',
    { grpc_services: [{ initial_metadata: [{ key: 'authorization', value: 'Bearer SECRET' }] }] },
  ],
])('keeps %s out of what the admin port shows', (_, value) => {
  expect(JSON.stringify(redact(value))).not.toContain('SECRET');
});

it('takes names of the prototype for names', () => {
  const shown = redact(JSON.parse('{"__proto__": {"private_key": "SECRET"}, "a": 1}')) as { a: number };
  expect(JSON.stringify(shown)).toContain('__proto__');
  expect(JSON.stringify(shown)).not.toContain('SECRET');
  expect(shown.a).toBe(1);
});

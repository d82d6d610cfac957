/** Fields of Envoy's API that hold what proves an identity, and headers that do. */
const SECRET_FIELDS = new Set([
  'private_key',
  'private_key_provider',
  'password',
  'session_ticket_keys',
  'token_secret',
  'hmac_secret',
  'generic_secret',
  'secret',
]);
const SECRET_HEADERS = /^(authorization|proxy-authorization|cookie|set-cookie|x-api-key)$/i;
const HIDDEN = '[redacted]';

/** A copy of a resource in JSON without keys, passwords and tokens. */
export function redacted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(redacted);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).map(([name, member]): [string, unknown] => [
    name,
    SECRET_FIELDS.has(name) ? HIDDEN : redacted(member),
  ]);
  const copy = Object.fromEntries(entries);
  // HeaderValue.
  if (typeof copy['key'] === 'string' && SECRET_HEADERS.test(copy['key']) && 'value' in copy) copy['value'] = HIDDEN;
  return copy;
}

const REDACTED = '[redacted]';

/** Fields that hold secrets in TlsCertificate, TlsSessionTicketKeys, GenericSecret and Envoy's own credentials. */
const SENSITIVE: ReadonlySet<string> = new Set([
  'private_key',
  'private_key_provider',
  'password',
  'session_ticket_keys',
  'generic_secret',
  'token',
  'initial_metadata',
  'pkcs12',
]);

/** A copy of a JSON value in which every text below a field that may hold a secret reads `[redacted]`. */
export function redact(value: unknown, below = false, key = ''): unknown {
  if (Array.isArray(value)) return value.map((element) => redact(element, below, key));
  if (typeof value === 'object' && value !== null) {
    return Object.fromEntries(
      Object.entries(value).map(([name, member]) => [name, redact(member, below || SENSITIVE.has(name), name)]),
    );
  }
  if (!below || typeof value !== 'string' || key === '@type') return value;
  return key === 'inline_bytes' ? Buffer.from(REDACTED).toString('base64') : REDACTED;
}

import { X509Certificate } from 'node:crypto';
import { at, type ConfigDump, type Json, objects, section, text } from './dump.js';

export const HEAD = ['RESOURCE NAME', 'TYPE', 'STATUS', 'VALID CERT', 'SERIAL NUMBER', 'NOT AFTER', 'NOT BEFORE'];

export function secretObjects(dump: ConfigDump): Json[] {
  return objects(section(dump, 'secrets'), (entry) => ({
    name: entry['name'],
    ...(at(entry, 'secret') as Json | undefined),
  }));
}

export function secretRows(dump: ConfigDump, now: number): string[][] {
  return secretObjects(dump).map((secret) => {
    const own = pem(at(secret, 'tls_certificate', 'certificate_chain'));
    const roots = pem(at(secret, 'validation_context', 'trusted_ca'));
    const certificate = parse(own ?? roots);
    const kind = own !== undefined ? 'Cert Chain' : roots !== undefined ? 'CA' : '-';
    if (certificate === undefined) return [text(secret, 'name'), kind, 'WARMING', 'false', '', '', ''];
    const [from, to] = [new Date(certificate.validFrom), new Date(certificate.validTo)];
    const valid = from.getTime() <= now && now <= to.getTime();
    return [
      text(secret, 'name'),
      kind,
      'ACTIVE',
      String(valid),
      certificate.serialNumber.toLowerCase(),
      to.toISOString(),
      from.toISOString(),
    ];
  });
}

function pem(source: unknown): string | undefined {
  const inline = text(source, 'inline_string');
  if (inline !== '') return inline;
  const bytes = text(source, 'inline_bytes');
  return bytes === '' ? undefined : Buffer.from(bytes, 'base64').toString('utf8');
}

function parse(certificate: string | undefined): X509Certificate | undefined {
  try {
    return certificate === undefined ? undefined : new X509Certificate(certificate);
  } catch {
    return undefined;
  }
}

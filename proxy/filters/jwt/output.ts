import type { JwtProvider__Output } from '../../../proto/gen/envoy/extensions/filters/http/jwt_authn/v3/JwtProvider.js';
import { type MetadataFields, type MetadataValue, metadataAt } from '../../http/dynamic-metadata.js';
import type { ParsedToken } from './token.js';

/** Headers that a good token gives to the application: its payload, and single claims. */
export function tokenHeaders(message: JwtProvider__Output, token: ParsedToken): [name: string, value: string][] {
  const headers: [string, string][] = [];
  const whole = message.forward_payload_header ?? '';
  if (whole !== '') {
    const missing = message.pad_forward_payload_header === true ? (4 - (token.payload.length % 4)) % 4 : 0;
    headers.push([whole, token.payload + '='.repeat(missing)]);
  }
  for (const { header_name = '', claim_name = '' } of message.claim_to_headers ?? []) {
    const value = claimText(claimOf(token.claims, claim_name));
    if (value !== '') headers.push([header_name, value]);
  }
  return headers;
}

/** A claim by its path, whose names are parted by dots. */
function claimOf(claims: MetadataFields, path: string): MetadataValue | undefined {
  return metadataAt(new Map([['claims', claims]]), 'claims', path.split('.'));
}

/** Lists and objects as base64 of their JSON; what could break a head is left out. */
function claimText(value: MetadataValue | undefined): string {
  if (value === undefined || value === null) return '';
  if (typeof value === 'string') return isFieldValue(value) ? value : '';
  if (typeof value === 'number') return numberText(value);
  if (typeof value === 'boolean') return String(value);
  return Buffer.from(JSON.stringify(value)).toString('base64');
}

/** No control character but a tab (RFC 9110 section 5.5), and nothing that one byte cannot say. */
function isFieldValue(text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if ((code < 32 && code !== 9) || code === 127) return false;
  }
  return true;
}

/** Whole numbers as they are, others with six digits, as C++ writes them. */
function numberText(value: number): string {
  return Number.isInteger(value) && value >= 0 && value < 2 ** 64 ? BigInt(value).toString() : value.toFixed(6);
}

/** The claims as matchers see them: those that are lists written with spaces become lists. */
export function payloadMetadata(message: JwtProvider__Output, claims: MetadataFields): MetadataFields {
  const names = message.normalize_payload_in_metadata?.space_delimited_claims ?? [];
  let normalized: Record<string, MetadataValue> | undefined;
  for (const name of names) {
    const value = Object.hasOwn(claims, name) ? claims[name] : undefined;
    if (typeof value !== 'string') continue;
    normalized ??= { ...claims };
    normalized[name] = value.split(' ').filter((item) => item !== '');
  }
  return normalized ?? claims;
}

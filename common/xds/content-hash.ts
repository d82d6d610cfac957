import { createHash } from 'node:crypto';

/** The version of a resource: short, and equal for equal content. */
export function contentHash(content: Uint8Array | string): string {
  return createHash('sha256').update(content).digest('base64url').slice(0, 16);
}

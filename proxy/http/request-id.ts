import { randomFillSync } from 'node:crypto';

const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));
const POOL_BYTES = 4096;
const pool = Buffer.alloc(POOL_BYTES);
let used = POOL_BYTES;

const hex = (index: number): string => HEX[pool[index] ?? 0] ?? '00';

/** A random UUID version 4 (RFC 9562 section 5.4). Random bytes are drawn for 256 of them at once. */
export function newRequestId(): string {
  if (used >= POOL_BYTES) {
    randomFillSync(pool);
    used = 0;
  }
  const at = used;
  used += 16;
  pool[at + 6] = ((pool[at + 6] ?? 0) & 0x0f) | 0x40;
  pool[at + 8] = ((pool[at + 8] ?? 0) & 0x3f) | 0x80;
  return (
    `${hex(at)}${hex(at + 1)}${hex(at + 2)}${hex(at + 3)}-${hex(at + 4)}${hex(at + 5)}-${hex(at + 6)}${hex(at + 7)}-` +
    `${hex(at + 8)}${hex(at + 9)}-${hex(at + 10)}${hex(at + 11)}${hex(at + 12)}${hex(at + 13)}${hex(at + 14)}${hex(at + 15)}`
  );
}

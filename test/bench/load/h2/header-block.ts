/** A header of a request or response that is always the same. */
export interface Field {
  readonly name: string;
  readonly value: string;
  /** Into the peer's dynamic table, as clients do with what repeats; a path mostly is not. */
  readonly indexed?: boolean;
}

/** Header blocks of the same fields: what a connection sends first, and from then on. */
export interface HeaderBlocks {
  readonly first: Buffer;
  readonly next: Buffer;
}

/** Fields that HPACK's static table has whole (RFC 7541, appendix A). */
const STATIC_FIELDS: Readonly<Record<string, number>> = {
  ':method: GET': 2,
  ':method: POST': 3,
  ':path: /': 4,
  ':scheme: http': 6,
  ':scheme: https': 7,
  ':status: 200': 8,
};
const FIRST_DYNAMIC = 62;

/** No Huffman coding, and the default table of 4,096 bytes, which the fields have to fit in. */
export function headerBlocks(fields: readonly Field[]): HeaderBlocks {
  const inTable = fields.filter((field) => isIndexed(field));
  const first: Buffer[] = [];
  const next: Buffer[] = [];
  for (const field of fields) {
    const known = STATIC_FIELDS[`${field.name}: ${field.value}`];
    if (known !== undefined) {
      first.push(integer(0x80, 7, known));
      next.push(integer(0x80, 7, known));
    } else if (isIndexed(field)) {
      first.push(Buffer.concat([Buffer.of(0x40), text(field.name), text(field.value)]));
      // What went in last has the smallest index.
      next.push(integer(0x80, 7, FIRST_DYNAMIC + inTable.length - 1 - inTable.indexOf(field)));
    } else {
      const literal = Buffer.concat([Buffer.of(0x00), text(field.name), text(field.value)]);
      first.push(literal);
      next.push(literal);
    }
  }
  return { first: Buffer.concat(first), next: Buffer.concat(next) };
}

/** Several kinds of blocks on one connection would disturb each other's indices: blocks without any. */
export function plainBlock(fields: readonly Field[]): Buffer {
  return headerBlocks(fields.map((field) => ({ ...field, indexed: false }))).first;
}

function isIndexed(field: Field): boolean {
  return field.indexed === true && STATIC_FIELDS[`${field.name}: ${field.value}`] === undefined;
}

function text(value: string): Buffer {
  const bytes = Buffer.from(value, 'latin1');
  return Buffer.concat([integer(0x00, 7, bytes.length), bytes]);
}

/** RFC 7541, 5.1. */
function integer(pattern: number, bits: number, value: number): Buffer {
  const most = 2 ** bits - 1;
  if (value < most) return Buffer.of(pattern | value);
  const bytes = [pattern | most];
  let rest = value - most;
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 0x80);
  bytes.push(rest);
  return Buffer.from(bytes);
}

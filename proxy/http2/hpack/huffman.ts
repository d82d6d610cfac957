import { HUFFMAN_CODES, HUFFMAN_LENGTHS } from './tables.js';

const EOS = 256;
const ROOT = 0;
const NONE = 0xffff;

/**
 * Decoding by half bytes: for each inner node of the code's tree and each half byte, where it leads and which symbol was
 * complete on the way (codes have at least five bits, so at most one is).
 */
const next = new Uint16Array(EOS * 16);
const symbol = new Uint16Array(EOS * 16).fill(NONE);
/** Whether a string may end at this node: fewer than eight bits of padding, all of them ones. */
const mayEnd = new Uint8Array(EOS);
const FAIL = 0xfffe;

build();

/**
 * Decodes a Huffman string (RFC 7541 section 5.2) to Latin-1.
 * @returns undefined when it holds the end-of-string symbol or wrong padding.
 */
export function decodeHuffman(bytes: Buffer, start: number, end: number): string | undefined {
  const out = scratch(((end - start) * 8) / 5 + 1);
  let length = 0;
  let node = ROOT;
  for (let i = start; i < end; i++) {
    const byte = bytes[i] as number;
    for (let shift = 4; shift >= 0; shift -= 4) {
      const at = (node << 4) | ((byte >> shift) & 15);
      const found = symbol[at] as number;
      if (found !== NONE) {
        if (found === FAIL) return undefined;
        out[length++] = found;
      }
      node = next[at] as number;
    }
  }
  return mayEnd[node] === 1 ? out.toString('latin1', 0, length) : undefined;
}

let buffer = Buffer.alloc(512);

function scratch(size: number): Buffer {
  if (buffer.length < size) buffer = Buffer.alloc(Math.ceil(size) * 2);
  return buffer;
}

interface Node {
  readonly index: number;
  readonly children: (Node | number | undefined)[];
}

function build(): void {
  const nodes: Node[] = [];
  const add = (): Node => {
    const node: Node = { index: nodes.length, children: [undefined, undefined] };
    nodes.push(node);
    return node;
  };
  const root = add();
  HUFFMAN_CODES.forEach((code, value) => {
    let node = root;
    for (let bit = (HUFFMAN_LENGTHS[value] ?? 0) - 1; bit >= 0; bit--) {
      const side = (code >>> bit) & 1;
      if (bit === 0) {
        node.children[side] = value;
        return;
      }
      const child = node.children[side];
      const inner = typeof child === 'object' ? child : add();
      node.children[side] = inner;
      node = inner;
    }
  });
  for (const node of nodes) for (let half = 0; half < 16; half++) buildStep(node, half, root);
  mayEnd[ROOT] = 1;
  let padding: Node | number | undefined = root;
  for (let bits = 0; bits < 7 && typeof padding === 'object'; bits++) {
    padding = padding.children[1];
    if (typeof padding === 'object') mayEnd[padding.index] = 1;
  }
}

function buildStep(from: Node, half: number, root: Node): void {
  const at = (from.index << 4) | half;
  let node = from;
  for (let bit = 3; bit >= 0; bit--) {
    const child = node.children[(half >> bit) & 1];
    if (typeof child === 'object') {
      node = child;
      continue;
    }
    symbol[at] = child === undefined || child === EOS ? FAIL : child;
    node = root;
  }
  next[at] = node.index;
}

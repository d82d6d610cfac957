/** How long one finding is made smaller, ms. */
const MAX_MS = 15_000;

/**
 * The smallest input that still fails: pieces are taken out, half of it first and single bytes last, then bytes are made
 * plain. `fails` is asked for each; what it says must depend on the bytes alone.
 */
export async function shrink(input: Buffer, fails: (bytes: Buffer) => Promise<boolean>): Promise<Buffer> {
  let best = input;
  const end = performance.now() + MAX_MS;
  const better = async (candidate: Buffer): Promise<boolean> => {
    if (performance.now() > end || !(await fails(candidate))) return false;
    best = candidate;
    return true;
  };
  for (let size = Math.ceil(best.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    for (let at = 0; at < best.length; ) {
      const smaller = Buffer.concat([best.subarray(0, at), best.subarray(at + size)]);
      if (!(await better(smaller))) at += size;
    }
  }
  for (let at = 0; at < best.length; at++) {
    const byte = best[at] as number;
    if (byte === 0x61 || byte < 33) continue;
    const plain = Buffer.from(best);
    plain[at] = 0x61;
    await better(plain);
  }
  return best;
}

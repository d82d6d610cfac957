/** Ways to cut an input into packets. The first is always one packet. */
export function cutsOf(input: Buffer, hash: number, thorough: boolean): readonly (readonly Buffer[])[] {
  const ways: Buffer[][] = [[input]];
  const { length } = input;
  if (length < 2) return ways;
  if (thorough && length <= 500) {
    for (let at = 1; at < length; at++) ways.push([input.subarray(0, at), input.subarray(at)]);
    ways.push(every(input, 1), every(input, 2), every(input, 3));
    return ways;
  }
  if (hash % 16 === 0) ways.push(every(input, length > 1000 ? 7 : 1));
  else {
    const first = 1 + (hash % (length - 1));
    const second = first + Math.floor((hash >>> 8) % (length - first + 1));
    ways.push(
      [input.subarray(0, first), input.subarray(first, second), input.subarray(second)].filter((p) => p.length > 0),
    );
  }
  return ways;
}

function every(input: Buffer, size: number): Buffer[] {
  const parts: Buffer[] = [];
  for (let at = 0; at < input.length; at += size) parts.push(input.subarray(at, at + size));
  return parts;
}

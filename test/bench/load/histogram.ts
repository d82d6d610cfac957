/** Values of one octave are told apart in so many steps, so a value read is wrong by less than half a percent. */
const STEPS = 128;
const OCTAVES = 30;

/** Durations, counted in buckets that grow with them: recording allocates nothing, whatever the number of values. */
export class Histogram {
  private readonly counts = new Uint32Array(STEPS * OCTAVES);
  private total = 0;
  private largest = 0;

  get count(): number {
    return this.total;
  }

  /** Microseconds. */
  record(micros: number): void {
    const value = Math.max(0, micros);
    const index = indexOf(value);
    this.counts[index] = (this.counts[index] ?? 0) + 1;
    this.total++;
    if (value > this.largest) this.largest = value;
  }

  /** The value that this share (0 to 1) of all stays at or below, in milliseconds; 0 without values. */
  percentileMs(share: number): number {
    if (this.total === 0) return 0;
    const wanted = Math.max(1, Math.ceil(share * this.total));
    let seen = 0;
    for (let index = 0; index < this.counts.length; index++) {
      seen += this.counts[index] ?? 0;
      if (seen >= wanted) return Math.min(middleOf(index), this.largest) / 1000;
    }
    return this.largest / 1000;
  }
}

/** Below STEPS every microsecond has a bucket; above, every octave has STEPS / 2. */
function indexOf(micros: number): number {
  if (micros < STEPS) return Math.floor(micros);
  const octave = Math.floor(Math.log2(micros)) - Math.log2(STEPS) + 1;
  const step = Math.floor(micros / 2 ** octave);
  return Math.min(STEPS * OCTAVES - 1, STEPS + (octave - 1) * (STEPS / 2) + (step - STEPS / 2));
}

function middleOf(index: number): number {
  if (index < STEPS) return index + 0.5;
  const octave = Math.floor((index - STEPS) / (STEPS / 2)) + 1;
  const step = ((index - STEPS) % (STEPS / 2)) + STEPS / 2;
  return (step + 0.5) * 2 ** octave;
}

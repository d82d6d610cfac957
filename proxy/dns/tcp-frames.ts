/** A message as TCP carries it: its length in two bytes, then itself. */
export function frame(message: Buffer): Buffer {
  const length = Buffer.alloc(2);
  length.writeUInt16BE(message.length);
  return Buffer.concat([length, message]);
}

/** Takes messages out of a TCP stream; what it holds is one message at most. */
export class FrameReader {
  private held: Buffer = Buffer.alloc(0);

  read(chunk: Buffer): Buffer[] {
    this.held = this.held.length === 0 ? chunk : Buffer.concat([this.held, chunk]);
    const messages: Buffer[] = [];
    while (this.held.length >= 2) {
      const end = 2 + this.held.readUInt16BE(0);
      if (this.held.length < end) break;
      messages.push(this.held.subarray(2, end));
      this.held = this.held.subarray(end);
    }
    return messages;
  }
}

import { TOKEN } from './chars.js';
import { badMessage, headTooLarge, invalidCharacters } from './errors.js';

const END = Buffer.from('\r\n\r\n', 'latin1');

/**
 * Finds the end of a head that may come in any number of packets. The usual head lies in one packet and is never
 * copied; a split one is gathered in a buffer that doubles, so that byte-by-byte delivery costs no square.
 */
export class HeadBuffer {
  private gathered: Buffer | undefined;
  private length = 0;
  private readonly maxBytes: number;
  /** Position in the packet behind the head that {@link take} returned. */
  next = 0;

  constructor(maxBytes: number) {
    this.maxBytes = maxBytes;
  }

  get started(): boolean {
    return this.length > 0;
  }

  /**
   * The next head as Latin-1 text, up to and with the CRLF of its last line; undefined while it is incomplete (the
   * packet is then used up).
   * @throws Http1Error when it is too long, or cannot become HTTP any more.
   */
  take(packet: Buffer, offset: number): string | undefined {
    if (this.length > 0) return this.takeGathered(packet, offset);
    const end = packet.indexOf(END, offset);
    if (end < 0) {
      this.gather(packet, offset, packet.length);
      this.checkPartial(0);
      return undefined;
    }
    if (end + 4 - offset > this.maxBytes) throw headTooLarge();
    this.next = end + 4;
    return packet.toString('latin1', offset, end + 2);
  }

  private takeGathered(packet: Buffer, offset: number): string | undefined {
    const before = this.length;
    // Enough to see whether the head ends here, without copying a body that follows.
    const room = Math.min(packet.length - offset, this.maxBytes + 1 - before);
    const gathered = this.gather(packet, offset, offset + room);
    const end = gathered.subarray(0, this.length).indexOf(END, Math.max(0, before - 3));
    if (end < 0) {
      if (this.length > this.maxBytes) throw headTooLarge();
      this.checkPartial(before);
      return undefined;
    }
    if (end + 4 > this.maxBytes) throw headTooLarge();
    this.next = offset + end + 4 - before;
    this.gathered = undefined;
    this.length = 0;
    return gathered.toString('latin1', 0, end + 2);
  }

  private gather(packet: Buffer, from: number, to: number): Buffer {
    const size = to - from;
    let target = this.gathered;
    if (target === undefined || target.length < this.length + size) {
      const grown = Buffer.allocUnsafeSlow(Math.max(512, 2 * (this.length + size)));
      target?.copy(grown, 0, 0, this.length);
      target = grown;
      this.gathered = grown;
    }
    packet.copy(target, this.length, from, to);
    this.length += size;
    if (this.length > this.maxBytes && this.length === size) throw headTooLarge();
    return target;
  }

  /** An incomplete head with a lone CR or LF, or without a method, is refused now: its end may never come. */
  private checkPartial(from: number): void {
    const text = (this.gathered ?? END).toString('latin1', Math.max(0, from - 1), this.length);
    if (from === 0 && TOKEN[text.charCodeAt(0)] !== 1) throw badMessage();
    if (text.includes('\0')) throw invalidCharacters();
    if (/\r[^\n]|[^\r]\n/.test(text)) throw badMessage();
    if (from > 32) return;
    const first = (this.gathered ?? END).toString('latin1', 0, Math.min(this.length, 32));
    for (let i = 0; i < first.length; i++) {
      const code = first.charCodeAt(i);
      if (code === 32) return;
      if (code === 47 && i > 0) return;
      if (TOKEN[code] !== 1) throw badMessage();
    }
  }
}

import type { IncomingMessage } from 'node:http';

/** In bytes. */
export interface BodyLimits {
  readonly each: number;
  /** Up to here a body is not counted among those that share `together`, so that large ones keep no small one out. */
  readonly small: number;
  /** Of all large bodies that are being read. */
  readonly together: number;
}

type Body = { readonly text: string } | 'too-long' | 'busy' | 'broken-off';

/** Reads the bodies of requests into memory, as much at once as the limits allow. */
export class BodyReader {
  private held = 0;

  constructor(private readonly limits: BodyLimits) {}

  async read(request: IncomingMessage): Promise<Body> {
    const { each, small, together } = this.limits;
    if (Number(request.headers['content-length'] ?? 0) > each) return 'too-long';
    const chunks: Buffer[] = [];
    let size = 0;
    let counted = 0;
    try {
      // What a refusal leaves unread is not for the iterator to cut off: the answer would go with it.
      for await (const chunk of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
        size += chunk.length;
        if (size > each) return 'too-long';
        const share = size > small ? size - counted : 0;
        if (this.held + share > together) return 'busy';
        this.held += share;
        counted += share;
        chunks.push(chunk);
      }
      return { text: Buffer.concat(chunks).toString('utf8') };
    } catch {
      return 'broken-off';
    } finally {
      this.held -= counted;
    }
  }
}

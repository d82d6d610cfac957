import type { HeaderList } from '../http/headers.js';
import type { ResponseHead } from '../http/message.js';
import type { LocalReply } from '../http/stream.js';

/** Rewrites the bodies of one request while they pass; made by {@link HttpFilter.startBody}. Absent methods leave a body as it is. */
export interface BodyFilter {
  /** What goes on in place of a chunk, nothing included; a reply where the body cannot be read. */
  onRequestData?(chunk: Buffer, end: boolean): Buffer | LocalReply;
  /** Whether the body of a response that has one is swallowed, and its head written only then. */
  swallows?(head: ResponseHead): boolean;
  /** Bytes of a body that is swallowed. */
  onSwallowed?(chunk: Buffer): void;
  /** All of it has come; what was learnt goes into the head. */
  afterSwallowed?(head: ResponseHead): void;
  onResponseData?(chunk: Buffer, end: boolean): Buffer;
  /** What ends the body in place of trailers; undefined leaves them. */
  onResponseTrailers?(trailers: HeaderList): Buffer | undefined;
  /** The request is over, after its info is final and before {@link HttpFilter.onComplete}. */
  onComplete?(): void;
}

/** The body filters of one request, in the order of the chain. */
export class BodyFilters {
  private readonly filters: BodyFilter[] = [];

  add(filter: BodyFilter): void {
    this.filters.push(filter);
  }

  requestData(chunk: Buffer, end: boolean): Buffer | LocalReply {
    let data = chunk;
    for (const filter of this.filters) {
      const next = filter.onRequestData?.(data, end) ?? data;
      if (!Buffer.isBuffer(next)) return next;
      data = next;
    }
    return data;
  }

  /** The filter that wants the whole body of a response for its head. */
  swallower(head: ResponseHead): BodyFilter | undefined {
    return this.filters.find((filter) => filter.swallows?.(head) === true);
  }

  responseData(chunk: Buffer, end: boolean): Buffer {
    return this.through(this.filters.length - 1, chunk, end);
  }

  /** Trailers that one filter turned into data are data to those before it in the chain. */
  responseTrailers(trailers: HeaderList): Buffer | undefined {
    for (let i = this.filters.length - 1; i >= 0; i--) {
      const data = this.filters[i]?.onResponseTrailers?.(trailers);
      if (data !== undefined) return this.through(i - 1, data, true);
    }
    return undefined;
  }

  complete(): void {
    for (const filter of this.filters) filter.onComplete?.();
  }

  private through(from: number, chunk: Buffer, end: boolean): Buffer {
    let data = chunk;
    for (let i = from; i >= 0; i--) data = this.filters[i]?.onResponseData?.(data, end) ?? data;
    return data;
  }
}

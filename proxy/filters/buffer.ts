import type { Buffer__Output } from '../../proto/gen/envoy/extensions/filters/http/buffer/v3/Buffer.js';
import type { BufferPerRoute__Output } from '../../proto/gen/envoy/extensions/filters/http/buffer/v3/BufferPerRoute.js';
import type { LocalReply } from '../http/stream.js';
import type { Issues } from '../snapshot/issues.js';
import type { BodyFilter } from './body-filter.js';
import type { HttpFilterFactory } from './factory.js';
import { FILTER_DISABLED, type FilterContext } from './filter.js';

const TOO_LARGE: LocalReply = {
  status: 413,
  body: 'Payload Too Large',
  details: 'request_payload_too_large',
  flags: 0,
};

/** What a route says in place of the chain: another limit in bytes, or none. */
export type RequestLimit = number | typeof FILTER_DISABLED;

/**
 * Filter envoy.filters.http.buffer: requests with a body of more than `max_request_bytes` are answered with 413. Envoy holds
 * a body until it is whole; here it passes as it comes, so that memory stays bounded, and a request whose length is told
 * beforehand is refused before anything of it reaches upstream.
 */
export const bufferFactory: HttpFilterFactory = {
  compile(message: Buffer__Output, place, issues) {
    const { name } = place;
    const own = compileLimit(message, issues);
    if (own === undefined) return undefined;
    const limitOf = (context: FilterContext): RequestLimit =>
      (context.route()?.filterConfig(name) as RequestLimit | undefined) ?? own;
    return {
      name,
      onRequest(context) {
        const limit = limitOf(context);
        const told = Number(context.request.headers.get('content-length') ?? '0');
        return limit !== FILTER_DISABLED && told > limit ? TOO_LARGE : undefined;
      },
      startBody(context) {
        const limit = limitOf(context);
        const told = context.request.headers.has('content-length');
        return limit === FILTER_DISABLED || told ? undefined : new CountedBody(limit);
      },
    };
  },
};

/** Compiles BufferPerRoute. */
export function compileBufferPerRoute(message: BufferPerRoute__Output, issues: Issues): RequestLimit | undefined {
  if (message.disabled === true) return FILTER_DISABLED;
  return compileLimit(message.buffer ?? {}, issues.at('buffer'));
}

function compileLimit(message: Buffer__Output, issues: Issues): number | undefined {
  const limit = message.max_request_bytes?.value ?? 0;
  if (limit > 0) return limit;
  issues.at('max_request_bytes').error('is required, above 0');
  return undefined;
}

/** A body whose length nobody told. */
class CountedBody implements BodyFilter {
  private left: number;

  constructor(limit: number) {
    this.left = limit;
  }

  onRequestData(chunk: Buffer): Buffer | LocalReply {
    this.left -= chunk.length;
    return this.left < 0 ? TOO_LARGE : chunk;
  }
}

import { describe, expect, it } from 'vitest';
import { testRequest } from '../router/testing.js';
import { Issues } from '../snapshot/issues.js';
import { bufferFactory, compileBufferPerRoute } from './buffer.js';
import { FILTER_DISABLED, type FilterContext, type HttpFilter } from './filter.js';
import { filterContext } from './testing.js';

const place = { name: 'envoy.filters.http.buffer', direction: 'inbound', statPrefix: '' } as const;

function filterOf(limit: number): HttpFilter {
  const issues = new Issues();
  const filter = bufferFactory.compile({ max_request_bytes: { value: limit } }, place, issues);
  if (filter === undefined || filter === 'none') throw new Error(issues.errors.join());
  return filter;
}

const context = (headers: Readonly<Record<string, string>>, route?: unknown): FilterContext =>
  filterContext(testRequest('a/', headers), { config: route });

describe('the buffer filter', () => {
  it.each([
    ['5', undefined],
    ['6', 413],
  ])('holds a told length of %s to the limit', (length, status) => {
    const reply = filterOf(5).onRequest?.(context({ 'content-length': length }));
    expect((reply as { status: number } | undefined)?.status).toBe(status);
  });

  it('counts a body whose length nobody told', () => {
    const body = filterOf(5).startBody?.(context({}));
    expect(body?.onRequestData?.(Buffer.from('123'), false)).toEqual(Buffer.from('123'));
    expect(body?.onRequestData?.(Buffer.from('456'), true)).toMatchObject({
      status: 413,
      details: 'request_payload_too_large',
    });
  });

  it('has another limit on a route, or none', () => {
    expect(filterOf(5).onRequest?.(context({ 'content-length': '50' }, 100))).toBeUndefined();
    expect(filterOf(5).onRequest?.(context({ 'content-length': '50' }, FILTER_DISABLED))).toBeUndefined();
    expect(filterOf(5).startBody?.(context({}, FILTER_DISABLED))).toBeUndefined();
  });

  it('needs a limit', () => {
    const issues = new Issues();
    expect(bufferFactory.compile({}, place, issues)).toBeUndefined();
    expect(issues.errors).toEqual(['max_request_bytes: is required, above 0']);
  });

  it('compiles what a route says', () => {
    expect(compileBufferPerRoute({ disabled: true }, new Issues())).toBe(FILTER_DISABLED);
    expect(compileBufferPerRoute({ buffer: { max_request_bytes: { value: 7 } } }, new Issues())).toBe(7);
  });
});

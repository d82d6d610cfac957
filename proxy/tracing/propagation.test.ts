import { describe, expect, it } from 'vitest';
import { HeaderList } from '../http/headers.js';
import { extractB3, injectB3 } from './b3.js';
import { extractW3c, injectW3c } from './w3c.js';

const T = '463ac35c9f6413ad48485a3953bb6124';
const S = 'a2fb4a1d1a96d312';

const headers = (fields: Readonly<Record<string, string>>): HeaderList => {
  const list = new HeaderList();
  for (const [name, value] of Object.entries(fields)) list.append(name, value);
  return list;
};
const parent = (traceId: string, state = '') => ({ traceId, spanId: S, state });

describe('B3', () => {
  it.each([
    ['several headers', { 'X-B3-TraceId': T, 'X-B3-SpanId': S, 'X-B3-Sampled': '1' }, parent(T), true],
    ['not sampled', { 'x-b3-traceid': T, 'x-b3-spanid': S, 'x-b3-sampled': '0' }, parent(T), false],
    ['nobody decided', { 'x-b3-traceid': T, 'x-b3-spanid': S }, parent(T), undefined],
    ['debug', { 'x-b3-traceid': T, 'x-b3-spanid': S, 'x-b3-flags': '1' }, parent(T), true],
    ['64 bits', { 'x-b3-traceid': T.slice(16), 'x-b3-spanid': S }, parent(T.slice(16)), undefined],
    ['upper case', { 'x-b3-traceid': T.toUpperCase(), 'x-b3-spanid': S }, parent(T), undefined],
    ['a single header', { b3: `${T}-${S}-1` }, parent(T), true],
    ['a single header with its parent', { b3: `${T}-${S}-d-05e3ac9a4f6e3b90` }, parent(T), true],
    ['a single header, undecided', { b3: `${T}-${S}` }, parent(T), undefined],
    ['the single one first', { b3: '0', 'x-b3-traceid': T, 'x-b3-spanid': S }, undefined, false],
    ['a decision alone', { 'x-b3-sampled': '0' }, undefined, false],

    ['no span', { 'x-b3-traceid': T }, undefined, undefined],

    ['nothing', {}, undefined, undefined],
  ])('is read: %s', (_name, fields, expected, sampled) => {
    expect(extractB3(headers(fields as Record<string, string>))).toEqual({ parent: expected, sampled });
  });

  it.each([
    ['no hex', { 'x-b3-traceid': T.replace('4', 'g'), 'x-b3-spanid': S }],
    ['all zero', { 'x-b3-traceid': '0'.repeat(32), 'x-b3-spanid': S }],
    ['too short', { 'x-b3-traceid': T.slice(1), 'x-b3-spanid': S }],
    ['no context at all', { b3: 'broken' }],
    ['a single one without a span', { b3: `${T}-` }],
  ])('is not understood: %s', (_name, fields) => {
    expect(extractB3(headers(fields as Record<string, string>))).toBe('malformed');
  });

  const written = (fields: Readonly<Record<string, string>>, parentId: string): string[] => {
    const list = headers(fields);
    injectB3(list, { traceId: T, spanId: S, sampled: true, state: '' }, parentId);
    return [...Array(list.size).keys()].map((i) => `${list.keyAt(i)}: ${list.valueAt(i)}`);
  };

  it('is written in several headers', () => {
    expect(written({ 'X-B3-ParentSpanId': 'old', 'x-b3-traceid': 'old' }, '')).toEqual([
      `x-b3-traceid: ${T}`,
      `x-b3-spanid: ${S}`,
      'x-b3-sampled: 1',
    ]);
  });

  it('is written in one header where one came', () => {
    expect(written({ b3: 'old' }, '05e3ac9a4f6e3b90')).toEqual([`b3: ${T}-${S}-1-05e3ac9a4f6e3b90`]);
    expect(written({ b3: 'old' }, '')).toEqual([`b3: ${T}-${S}-1`]);
  });
});

describe('W3C', () => {
  it.each([
    ['sampled', { traceparent: `00-${T}-${S}-01` }, parent(T), true],
    ['not sampled', { traceparent: `00-${T}-${S}-00` }, parent(T), false],
    ['other flags', { traceparent: `00-${T}-${S}-03` }, parent(T), true],
    ['upper case', { traceparent: `00-${T.toUpperCase()}-${S}-01` }, parent(T), true],
    ['a state', { traceparent: `00-${T}-${S}-01`, tracestate: 'a=1,b=2' }, parent(T, 'a=1,b=2'), true],
    ['a later version', { traceparent: `01-${T}-${S}-01-more` }, parent(T), true],
  ])('is read: %s', (_name, fields, expected, sampled) => {
    expect(extractW3c(headers(fields as Record<string, string>))).toEqual({ parent: expected, sampled });
  });

  it.each([
    ['version 00 with more', `00-${T}-${S}-01-more`],
    ['version ff', `ff-${T}-${S}-01`],
    ['no trace', `00-${'0'.repeat(32)}-${S}-01`],
    ['too short', `00-${T}`],
  ])('is not understood: %s', (_name, traceparent) => {
    expect(extractW3c(headers({ traceparent }))).toBe('malformed');
  });

  it('is written with its state, and a short trace is filled up', () => {
    const list = headers({});
    injectW3c(list, { traceId: T.slice(16), spanId: S, sampled: false, state: 'a=1' });
    expect(list.get('traceparent')).toBe(`00-${'0'.repeat(16)}${T.slice(16)}-${S}-00`);
    expect(list.get('tracestate')).toBe('a=1');
  });
});

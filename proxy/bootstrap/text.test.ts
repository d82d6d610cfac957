import { expect, it } from 'vitest';
import { parseText } from './text.js';

it.each([
  ['{"a": {"b": "x: \\"y\\":", "c": [{"d": 1}]}}', { a: { b: 'x: "y":', c: [{ d: 1 }] } }],
  ['\n{"__proto__" : 1}', JSON.parse('{"__proto__": 1}')],
  ['{a: 1, b: [x]}', { a: 1, b: ['x'] }],
  ['a: 1\nb: {c: d}', { a: 1, b: { c: 'd' } }],
])('reads %j', (text, value) => expect(parseText(text)).toEqual(value));

it.each(['{"a": 1, "a": 2}', '{"x": {"a": 1, "\\u0061": 2}}', '{"a": '])('refuses %j', (text) =>
  expect(() => parseText(text)).toThrow(),
);

import { expect, test } from 'vitest';
import { decimal } from './decimal.js';

test.each([
  ['0', 0],
  ['007', 7],
  ['1024', 1024],
  ['999999999999999', 999_999_999_999_999],
  ['1000000000000000', -1],
  ['', -1],
  ['-1', -1],
  ['+1', -1],
  ['1e3', -1],
  ['0x10', -1],
  [' 1', -1],
  ['1 ', -1],
  ['1.0', -1],
  ['٣', -1],
])('%j', (text, value) => expect(decimal(text)).toBe(value));

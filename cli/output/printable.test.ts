import { expect, it } from 'vitest';
import { printable } from './printable.js';

it.each([
  ['plain ünïcode ✓\tof two\nlines', 'plain ünïcode ✓\tof two\nlines'],
  ['\x1b[2J\x1b[Hall is well', '\\x1b[2J\\x1b[Hall is well'],
  ['\x1b]0;title\x07', '\\x1b]0;title\\x07'],
  ['denied\rallowed', 'denied\\x0dallowed'],
  ['C1: \x9b31m', 'C1: \\x9b31m'],
  ['a\0b\x7f', 'a\\x00b\\x7f'],
])('%j shows as %j', (text, shown) => {
  expect(printable(text)).toBe(shown);
});

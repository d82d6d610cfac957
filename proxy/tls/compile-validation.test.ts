import { describe, expect, it } from 'vitest';
import { coversDnsName } from './compile-validation.js';

describe('coversDnsName', () => {
  it.each([
    ['api.example.com', 'api.example.com', true],
    ['API.example.com', 'api.EXAMPLE.com', true],
    ['*.example.com', 'api.example.com', true],
    ['*.example.com', 'a.b.example.com', false],
    ['*.example.com', 'example.com', false],
    ['*.example.com', '.example.com', false],
    ['*.com', 'example.com', false],
    ['*', 'example', false],
    ['a*.example.com', 'api.example.com', false],
    ['api.example.com', 'api.example.com.evil.test', false],
    ['evil.test', 'api.example.com', false],
    ['*.example.com', '*.example.com', true],
  ])('%s for %s: %s', (certified, host, covers) => {
    expect(coversDnsName(certified, host)).toBe(covers);
  });
});

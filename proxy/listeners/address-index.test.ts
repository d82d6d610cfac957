import { describe, expect, it } from 'vitest';
import { AddressIndex } from './address-index.js';

const index = new AddressIndex<string>([
  [[{ host: '10.0.0.1', port: 80 }], 'exact'],
  [[{ host: '0.0.0.0', port: 80 }], 'any'],
  [[{ host: '::', port: 81, dualStack: true }], 'both'],
  [[{ host: '::', port: 82 }], 'six'],
  [[{ host: 'fd00:0:0::1', port: 83 }], 'spelt'],
  [[{ host: '0.0.0.0', port: 80 }], 'later'],
]);

describe('AddressIndex', () => {
  it.each([
    ['10.0.0.1', 80, 'exact'],
    ['10.0.0.2', 80, 'any'],
    ['10.0.0.2', 81, 'both'],
    ['fd00::1', 81, 'both'],
    ['fd00::1', 82, 'six'],
    ['10.0.0.2', 82, undefined],
    ['fd00::1', 83, 'spelt'],
    ['fd00::1', 80, undefined],
  ])('%s port %i belongs to %s', (ip, port, owner) => {
    expect(index.find({ ip, port })).toBe(owner);
  });
});

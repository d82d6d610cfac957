import { describe, expect, it } from 'vitest';
import { OwnAddresses } from './own-addresses.js';

describe('addresses of this machine', () => {
  it.each([
    ['127.0.0.1', true],
    ['127.0.0.5', true],
    ['::1', true],
    ['localhost', true],
    ['0.0.0.0', true],
    // Documentation's: nobody has them.
    ['192.0.2.7', false],
    ['2001:db8::7', false],
  ])('%s: %s', async (address, own) => {
    expect(await new OwnAddresses({ monotonic: () => 0 }).has(address)).toBe(own);
  });

  it('looks again after a while at one that was none, and never at one that is', async () => {
    let [now, up, looks] = [0, false, 0];
    const addresses = new OwnAddresses({ monotonic: () => now }, () => {
      looks++;
      return Promise.resolve(up);
    });
    const has = (): Promise<boolean> => addresses.has('192.0.2.7');
    expect(await has()).toBe(false);
    up = true;
    expect(await has()).toBe(false);
    now = 10_000;
    expect(await has()).toBe(true);
    now = 100_000;
    expect(await has()).toBe(true);
    expect(looks).toBe(2);
  });
});

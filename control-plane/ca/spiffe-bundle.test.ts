import { beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../common/runtime/clock.js';
import { createLogger } from '../../common/runtime/log.js';
import { ForeignRootSource, getBundle } from './foreign-roots.js';
import { makeRoot } from './root.js';
import { readSpiffeBundle, writeSpiffeBundle } from './spiffe-bundle.js';

const log = createLogger('test', 'silent');
let one = '';
let other = '';
beforeAll(async () => {
  one = (await makeRoot({ organization: 'one' }, systemClock)).pem;
  other = (await makeRoot({ organization: 'other', keyKind: 'RSA-2048' }, systemClock)).pem;
});

describe('a SPIFFE bundle', () => {
  it('is read as it was written', () => {
    const document = JSON.stringify(writeSpiffeBundle(one + other, 60));
    expect(readSpiffeBundle(document)).toEqual({ roots: one + other, refreshSeconds: 60 });
    expect(JSON.parse(document)).toMatchObject({
      keys: [{ use: 'x509-svid', kty: 'EC', crv: 'P-256' }, { kty: 'RSA' }],
      spiffe_refresh_hint: 60,
    });
    expect(document).not.toMatch(/"(d|p|q)":/);
  });

  it.each([
    ['{}', 'it has no keys'],
    ['{"keys": [{"use": "jwt-svid"}]}', 'no key whose use is x509-svid'],
    ['{"keys": [{"use": "x509-svid"}]}', 'exactly one certificate'],
    ['nothing', 'JSON'],
  ])('that is none is refused: %s', (text, reason) => expect(() => readSpiffeBundle(text)).toThrow(reason));

  it('comes by HTTPS only', async () => {
    await expect(getBundle('http://partner.test/bundle')).rejects.toThrow('an https URL');
  });
});

describe('roots beside our own', () => {
  it('vouch for the domains that they are named for, and stay when their source is gone', async () => {
    let answer = (): string => JSON.stringify(writeSpiffeBundle(other, 60));
    let changes = 0;
    const timers: (() => void)[] = [];
    const clock = {
      ...systemClock,
      after: (_ms: number, callback: () => void) => {
        timers.push(callback);
        return { cancel: () => undefined };
      },
    };
    const source = new ForeignRootSource({
      settings: () => ({
        ownDomains: ['cluster.local', 'old.test'],
        caCertificates: [
          { pem: one, trustDomains: [] },
          { url: 'https://partner.test/bundle', trustDomains: ['partner.test', 'old.test'] },
        ],
      }),
      get: async () => answer(),
      onChange: () => changes++,
      clock,
      log,
    });
    const look = async (): Promise<void> => {
      timers.shift()?.();
      await new Promise((resolve) => setTimeout(resolve, 20));
    };
    expect(source.roots()).toEqual({ own: one, federated: {} });
    source.update();
    await look();
    expect(source.roots()).toEqual({ own: one + other, federated: { 'partner.test': other } });
    answer = () => 'gone';
    await look();
    expect([source.roots().federated, changes]).toEqual([{ 'partner.test': other }, 1]);
    source.stop();
  });
});

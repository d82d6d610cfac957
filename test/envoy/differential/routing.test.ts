import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Differential } from '../../support/differential.js';
import { cluster, httpListener } from '../../support/differential-config.js';
import { answer } from '../../support/scripted-upstream.js';

describe.skipIf(!Differential.available)(`routing as Envoy does it ${Differential.note}`, () => {
  let both: Differential;

  beforeAll(async () => {
    both = await Differential.start({
      listeners: ['main'],
      upstreams: ['a'],
      resources: (port) => ({
        listeners: [
          httpListener('main', port('main'), {
            route_config: {
              name: 'routes',
              virtual_hosts: [
                { name: 'any', domains: ['*'], routes: [{ match: { prefix: '/a' }, route: { cluster: 'a' } }] },
              ],
            },
          }),
        ],
        clusters: [cluster('a', [[port('a')]])],
      }),
    });
  });

  afterAll(() => both?.stop());

  it('prefix', async () => {
    const { envoy, weft } = await both.run({
      send: ['GET /abc HTTP/1.1\r\nHost: x\r\n\r\n'],
      answers: [answer(200, 'hi')],
    });
    expect(envoy.responses[0]?.start).toBe('HTTP/1.1 200 OK');
    expect(weft).toEqual(envoy);
  });

  it('none', async () => {
    const { envoy, weft } = await both.run({ send: ['GET /b HTTP/1.1\r\nHost: x\r\n\r\n'] });
    expect(weft).toEqual(envoy);
  });
});

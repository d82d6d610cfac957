import { describe, expect, it } from 'vitest';
import { HeaderList } from '../../http/headers.js';
import type { ServiceAnswer, ServiceClient } from '../../router/forward/service-call.js';
import { Issues } from '../../snapshot/issues.js';
import type { FilterContext, HttpFilter } from '../filter.js';
import { extAuthzFactory } from './http-ext-authz.js';

/** The filter before a service that answers when it is told to, and what it counted. */
function setUp(start: ServiceClient['start']) {
  const counted: string[] = [];
  const factory = extAuthzFactory({
    clusters: new Map(),
    clock: { monotonic: () => 0, now: () => 0 },
    services: { start },
    counters: (name: string) => ({ increment: () => void counted.push(name.split('.').at(-1) ?? '') }),
  } as unknown as Parameters<typeof extAuthzFactory>[0]);
  const message = { http_service: { server_uri: { cluster: 'authz', timeout: { seconds: 1 } } } };
  const filter = factory.compile(message as never, { name: 'authz', statPrefix: '' } as never, new Issues());
  const request = { method: 'GET', path: '/', authority: 'a', scheme: 'http', headers: new HeaderList() };
  const context = {
    request,
    info: { connection: {}, clusterName: '' },
    requestEnded: true,
    route: () => undefined,
  } as unknown as FilterContext;
  return { filter: filter as HttpFilter, context, counted };
}

const answer = (status: number): ServiceAnswer => ({
  status,
  headers: new HeaderList(),
  body: Buffer.alloc(0),
  trailers: undefined,
});

describe('a check', () => {
  it.each([
    [200, undefined, 'ok'],
    [401, 401, 'denied'],
    [503, 403, 'error'],
  ])('answered with %i', async (status, replied, counter) => {
    const { filter, context, counted } = setUp(() => ({ answer: Promise.resolve(answer(status)), cancel: () => {} }));
    expect((await filter.onRequest?.(context))?.status).toBe(replied);
    expect(counted).toEqual([counter]);
  });

  it('that cannot even be sent denies', async () => {
    const { filter, context, counted } = setUp(() => {
      throw new Error('no');
    });
    expect((await filter.onRequest?.(context))?.status).toBe(403);
    expect(counted).toEqual(['error']);
  });

  it('is given up when the client leaves, and counts as nothing', async () => {
    let cancelled = 0;
    const { filter, context, counted } = setUp(() => {
      let refuse: (error: Error) => void = () => {};
      const pending = new Promise<ServiceAnswer>((_, reject) => {
        refuse = reject;
      });
      const cancel = (): void => {
        cancelled++;
        refuse(new Error('cancelled'));
      };
      return { answer: pending, cancel };
    });
    const verdict = filter.onRequest?.(context);
    filter.onComplete?.(context);
    await verdict;
    expect([cancelled, counted]).toEqual([1, []]);
  });

  it('that was answered is not given up at the end of the request', async () => {
    let cancelled = 0;
    const { filter, context } = setUp(() => ({
      answer: Promise.resolve(answer(200)),
      cancel: () => void cancelled++,
    }));
    await filter.onRequest?.(context);
    filter.onComplete?.(context);
    expect(cancelled).toBe(0);
  });
});

import { describe, expect, it } from 'vitest';
import type { MeshSnapshot } from '../model/snapshot.js';
import { nameServices, serviceNames } from './service-names.js';
import { edge } from './testing.js';

const HOST = 'b.default.svc.cluster.local';
const snapshot = { services: [{ host: HOST }, { host: 'example.com' }] } as unknown as MeshSnapshot;

describe('the service that a caller meant', () => {
  it.each([
    ['b', 'default', HOST],
    ['b', 'other', 'b'],
    ['b.default', 'other', HOST],
    ['b.default.svc', 'other', HOST],
    [HOST, 'other', HOST],
    ['example.com', 'default', 'example.com'],
    ['', 'default', ''],
  ])('%s in %s', (written, namespace, host) => {
    expect(serviceNames(snapshot)(written, namespace)).toBe(host);
  });

  it('is named on edges that reached nobody', () => {
    const early = edge({ count: 5, code: 503, flags: 'FI', to: 'unknown', service: 'b' });
    const arrived = edge({ count: 5, service: 'c' });
    const services = nameServices([early, arrived], snapshot).map(({ destination }) => destination.service);
    expect(services).toEqual([HOST, 'c']);
    expect(nameServices([arrived], snapshot)[0]).toBe(arrived);
  });
});

import { describe, expect, it } from 'vitest';
import { TYPE } from '../../common/xds/type-urls.js';
import type { ConfigObject, ObjectKey } from '../api/object.js';
import { objectKey } from '../api/object.js';
import { buildSnapshot } from '../model/build.js';
import type { ConfigSet } from '../sources/source.js';
import { allot, nodeOf } from './testing/case.js';
import { translate } from './translate.js';

function object(kind: string, name: string, spec: unknown): [ObjectKey, ConfigObject] {
  const metadata = { name, namespace: 'default', labels: {}, annotations: {}, creationTimestamp: '', generation: 1 };
  return [objectKey(kind, 'default', name), { apiVersion: 'v1', kind, metadata, spec, origin: undefined }];
}

/** So many services of three workloads, each with a VirtualService and a DestinationRule. */
function bigMesh(services: number): ConfigSet {
  const objects = new Map<ObjectKey, ConfigObject>();
  for (let i = 0; i < services; i++) {
    const host = `s${i}.default.svc.cluster.local`;
    const entry = {
      hosts: [host],
      location: 'MESH_INTERNAL',
      resolution: 'STATIC',
      ports: [{ number: 80, name: 'http' }],
      workloadSelector: { labels: { app: `s${i}` } },
    };
    const route = [{ destination: { host: `s${i}`, subset: 'v1' } }];
    const added = [
      object('ServiceEntry', `s${i}`, entry),
      object('VirtualService', `s${i}`, { hosts: [`s${i}`], http: [{ route }] }),
      object('DestinationRule', `s${i}`, { host: `s${i}`, subsets: [{ name: 'v1', labels: { version: 'v1' } }] }),
      ...[1, 2, 3].map((n) =>
        object('WorkloadEntry', `s${i}-${n}`, {
          address: '127.0.0.1',
          ports: { http: 40_000 },
          labels: { app: `s${i}`, version: 'v1' },
        }),
      ),
    ];
    for (const [key, value] of added) objects.set(key, value);
  }
  return { objects, findings: [], unreadablePolicies: [] };
}

function millisecondsFor(services: number): number {
  const set = bigMesh(services);
  const allotments = allot(set);
  const started = performance.now();
  const snapshot = buildSnapshot(set, allotments);
  const resources = translate(snapshot, nodeOf(snapshot, 'default/s0-1', 'weft'));
  const took = performance.now() - started;
  expect(resources.get(TYPE.cluster)?.size).toBe(2 * services + 2);
  return took;
}

describe('a big mesh', () => {
  it('costs in proportion to its size', () => {
    millisecondsFor(500);
    const small = Math.min(millisecondsFor(500), millisecondsFor(500));
    const big = Math.min(millisecondsFor(4000), millisecondsFor(4000));
    // Eight times the services; quadratic work would take sixty-four times as long.
    expect(big / small).toBeLessThan(32);
  });
});

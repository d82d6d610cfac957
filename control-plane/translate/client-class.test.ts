import { describe, expect, it } from 'vitest';
import { TYPE } from '../../common/xds/type-urls.js';
import { buildSnapshot } from '../model/build.js';
import { allot, bookinfo, configSet, nodeOf } from './testing/case.js';
import { translate } from './translate.js';

function routesOf(yaml: string): (workload: string) => unknown {
  const set = configSet(`${bookinfo()}\n---\n${yaml}`);
  const snapshot = buildSnapshot(set, allot(set));
  return (workload) => [
    ...(translate(snapshot, nodeOf(snapshot, `default/${workload}`, 'weft'))
      .get(TYPE.route)
      ?.values() ?? []),
  ];
}

const virtualService = (match: string): string => `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: reviews, namespace: default }
spec:
  hosts: [reviews]
  http:
    - match: [{ ${match} }]
      timeout: 1s
      route: [{ destination: { host: reviews } }]
    - route: [{ destination: { host: reviews } }]
`;

describe('clients that do not differ', () => {
  it('get the same messages, not just equal ones', () => {
    const routes = routesOf(virtualService('uri: { prefix: / }'));
    const [one] = routes('reviews-v1') as [object];
    const [other] = routes('reviews-v2') as [object];
    expect(one).toBe(other);
  });

  it('and those that a match tells apart get their own', () => {
    const routes = routesOf(virtualService('sourceLabels: { version: v2 }'));
    expect(routes('reviews-v2')).not.toEqual(routes('reviews-v1'));
    expect(routes('productpage-v1')).toEqual(routes('reviews-v1'));
  });

  it('and so do those that a DestinationRule selects', () => {
    const set = configSet(`${bookinfo()}
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: reviews, namespace: default }
spec:
  host: reviews
  workloadSelector: { matchLabels: { version: v2 } }
  trafficPolicy: { loadBalancer: { simple: RANDOM } }
`);
    const snapshot = buildSnapshot(set, allot(set));
    const policies = ['productpage-v1', 'reviews-v1', 'reviews-v2'].map((workload) => {
      const clusters = translate(snapshot, nodeOf(snapshot, `default/${workload}`, 'weft')).get(TYPE.cluster);
      const cluster: { lb_policy?: string } | undefined = clusters?.get(
        'outbound|9080||reviews.default.svc.cluster.local',
      );
      return cluster?.lb_policy;
    });
    expect(policies).toEqual([policies[0], policies[0], 'RANDOM']);
    expect(policies[0]).not.toBe('RANDOM');
  });
});

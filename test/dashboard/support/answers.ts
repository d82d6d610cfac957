import type { Changes } from '../../../common/observe/changes.js';
import type { Description } from '../../../common/observe/describe.js';
import type { Explanation } from '../../../common/observe/explanation.js';
import type { Failures } from '../../../common/observe/failure.js';
import type { ObjectText } from '../../../common/observe/object-text.js';
import type { Series } from '../../../common/observe/series.js';
import type { WorkloadDetails, Workloads } from '../../../common/observe/workload.js';
import { NOW } from './graph-parts.js';

export function details({ workloads }: Workloads, namespace: string, name: string): WorkloadDetails | undefined {
  const found = workloads.find((one) => one.namespace === namespace && one.name === name);
  if (found === undefined) return undefined;
  return {
    ...found,
    certificates: [
      {
        identity: `spiffe://cluster.local/ns/${namespace}/sa/${found.serviceAccount}`,
        serialNumber: '5c1f00aa93b04c1d88',
        notBefore: Date.now() - 3_600_000,
        notAfter: Date.now() + 82_800_000,
      },
    ],
    endpoints: ['ratings', 'reviews'].map((host, index) => ({
      cluster: `outbound|9080||${host}.default.svc.cluster.local`,
      address: `10.1.0.${40 + index}:9080`,
      healthy: index === 1,
      ejected: index === 0,
      flags: index === 0 ? ['failed_outlier_check'] : [],
      locality: 'eu-central-1/eu-central-1a',
      weight: 1,
      activeRequests: 0,
      totalRequests: 1200,
      errors: index === 0 ? 31 : 0,
    })),
    notes: [],
  };
}

export function series(of: string, rate: number, errorShare: number, windowMs: number): Series {
  const steps = 60;
  const stepMs = windowMs / steps;
  const times = Array.from({ length: steps }, (_, step) => NOW - windowMs + step * stepMs);
  const rates = times.map((_, step) => rate * (0.9 + 0.12 * Math.sin(step / 4) + 0.05 * Math.sin(step * 1.7)));
  const since = steps * 0.7;
  const errors = rates.map((value, step) => (step > since ? value * errorShare * 1.6 : 0));
  const latency = (base: number): number[] =>
    times.map((_, step) => base * (1 + 0.15 * Math.sin(step / 3)) * (step > since && errorShare > 0 ? 1.7 : 1));
  return {
    of,
    direction: 'inbound',
    stepMs,
    times,
    requestsPerSecond: rates,
    errorsPerSecond: errors,
    p50Ms: latency(4),
    p95Ms: latency(11),
    p99Ms: latency(19),
    receivedBytesPerSecond: rates.map((value) => value * 120),
    sentBytesPerSecond: rates.map((value) => value * 900),
    connectionsOpenedPerSecond: times.map(() => 0),
    codes: {},
    flags: {},
    source: 'samples',
    notes: [],
  };
}

export function failures(): Failures {
  const one = (seconds: number, more: Partial<Failures['failures'][number]>): Failures['failures'][number] => ({
    time: NOW - seconds * 1000,
    reporter: 'source',
    protocol: 'http',
    method: 'GET',
    authority: 'ratings:9080',
    path: '/ratings/0',
    status: 503,
    flags: 'UO',
    details: 'upstream_overflow',
    durationMs: 0.4,
    source: { workload: 'reviews-v2', namespace: 'default' },
    destination: { workload: 'ratings-v1', namespace: 'default' },
    service: 'ratings.default.svc.cluster.local',
    route: 'default',
    upstream: '',
    proxy: 'reviews-v2.default',
    ...more,
  });
  return {
    failures: [
      one(2, {}),
      one(3, { path: '/ratings/1' }),
      one(7, {}),
      one(9, {
        status: 503,
        flags: 'URX,UF',
        details: 'upstream_reset_before_response_started{connection_failure}',
        upstream: '10.1.0.40:9080',
        durationMs: 12.1,
      }),
      one(31, {
        status: 403,
        flags: '-',
        details: 'rbac_access_denied_matched_policy[none]',
        path: '/ratings/admin',
        method: 'DELETE',
      }),
    ],
    notes: [],
  };
}

export const DESCRIPTION: Description = {
  node: '',
  kind: 'service',
  name: 'reviews',
  namespace: 'default',
  facts: [],
  objects: [
    {
      kind: 'VirtualService',
      namespace: 'default',
      name: 'reviews',
      why: 'hosts reviews.default.svc.cluster.local',
      effects: ['end-user: jason goes to v3', 'the others: 90 % to v1, 10 % to v2'],
    },
    {
      kind: 'DestinationRule',
      namespace: 'default',
      name: 'ratings',
      why: 'host ratings.default.svc.cluster.local',
      effects: ['at most 20 connections', 'ejects hosts after 5 errors in a row'],
    },
    {
      kind: 'PeerAuthentication',
      namespace: 'istio-system',
      name: 'default',
      why: 'the whole mesh',
      effects: ['mTLS STRICT'],
    },
  ],
  findings: [
    {
      code: 'IST0101',
      level: 'warning',
      object: 'VirtualService default/reviews',
      message: 'no DestinationRule defines subset "v9"',
    },
  ],
  notes: [],
};

export const OBJECT: ObjectText = {
  kind: 'VirtualService',
  namespace: 'default',
  name: 'reviews',
  apiVersion: 'networking.istio.io/v1',
  place: 'routes.yaml:4',
  yaml: `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata:
  name: reviews
  namespace: default
spec:
  hosts:
    - reviews
  http:
    - name: split
      route:
        - destination:
            host: reviews
            subset: v1
          weight: 90
        - destination:
            host: reviews
            subset: v9
          weight: 10
`,
  findings: [
    {
      code: 'IST0101',
      level: 'warning',
      field: 'spec.http[0].route[1].destination.subset',
      message: 'no DestinationRule defines subset "v9" of reviews: requests that are sent there get a 503',
      line: 18,
    },
  ],
};

export const CHANGES: Changes = {
  versions: [
    {
      version: '9f31c2ab77d0',
      time: NOW - 170_000,
      proxies: 8,
      acknowledged: 7,
      refused: 1,
      objects: [
        {
          kind: 'VirtualService',
          namespace: 'default',
          name: 'reviews',
          change: 'modified',
          diff: `@@ -11,11 +11,11 @@\n       route:\n         - destination:\n             host: reviews\n             subset: v1\n-          weight: 100\n+          weight: 90\n         - destination:\n             host: reviews\n             subset: v2\n-          weight: 0\n+          weight: 10\n`,
        },
      ],
    },
    {
      version: '41d0e8830c12',
      time: NOW - 1_900_000,
      proxies: 8,
      acknowledged: 8,
      refused: 0,
      objects: [
        {
          kind: 'PeerAuthentication',
          namespace: 'istio-system',
          name: 'default',
          change: 'added',
          diff: '@@ -0,0 +1,7 @@\n+apiVersion: security.istio.io/v1\n+kind: PeerAuthentication\n+metadata:\n+  name: default\n+  namespace: istio-system\n+spec:\n+  mtls: { mode: STRICT }\n',
        },
      ],
    },
  ],
  notes: [],
};

export const EXPLANATION: Explanation = {
  verdict: 'refused',
  summary: 'ratings-v1 answers 403: no ALLOW rule matches.',
  steps: [
    {
      proxy: 'reviews-v1.default',
      side: 'client',
      what: 'route',
      outcome: 'ok',
      title: 'Route “split” of VirtualService reviews',
      detail: 'The path /ratings/0 matches by prefix /.',
      objects: [{ kind: 'VirtualService', namespace: 'default', name: 'reviews' }],
    },
    {
      proxy: 'reviews-v1.default',
      side: 'client',
      what: 'tls',
      outcome: 'ok',
      title: 'Mutual TLS as default/bookinfo-reviews',
      detail: '',
      objects: [],
    },
    {
      proxy: 'ratings-v1.default',
      side: 'server',
      what: 'authorization',
      outcome: 'refused',
      title: 'AuthorizationPolicy ratings-viewer has no rule that matches',
      detail: 'It allows default/bookinfo-productpage with GET.',
      objects: [{ kind: 'AuthorizationPolicy', namespace: 'default', name: 'ratings-viewer' }],
    },
  ],
  notes: [],
};

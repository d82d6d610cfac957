import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { all, FieldMesh, serviceOf } from '../support/field-mesh.js';
import { hasPrometheus, PrometheusProcess, type Series } from '../support/prometheus.js';

/** The queries of Flagger for the provider `istio`, with the window of one analysis. */
const WINDOW = '[5s]';
const OF_TARGET = 'reporter="destination", destination_workload_namespace="default", destination_workload=~"podinfo"';
const SUCCESS_RATE = `sum(rate(istio_requests_total{${OF_TARGET}, response_code!~"5.*"}${WINDOW}))
  / sum(rate(istio_requests_total{${OF_TARGET}}${WINDOW})) * 100`;
const DURATION = `histogram_quantile(0.99, sum(rate(istio_request_duration_milliseconds_bucket{${OF_TARGET}}${WINDOW})) by (le))`;

const STEP = 20;
const MAX = 60;
/** Checks that may fail before the change is taken back. */
const THRESHOLD = 2;
/** Far above what a busy machine takes, ms. */
const SLOW = 5000;

/** Flagger's three services: whoever asks for `podinfo` is led by the VirtualService to one of the others. */
const CANARY_SERVICE = serviceOf('podinfo-canary').replace('app: podinfo-canary', 'app: podinfo');
const APEX = serviceOf('podinfo').replace('app: podinfo}', 'app: podinfo-primary}');

function virtualService(canary: number): string {
  return `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: podinfo}
spec:
  hosts: [podinfo]
  http:
    - route:
        - {destination: {host: podinfo-primary}, weight: ${100 - canary}}
        - {destination: {host: podinfo-canary}, weight: ${canary}}
`;
}

describe.skipIf(!hasPrometheus)(
  'progressive delivery as Flagger does it (skipped without a prometheus on the PATH)',
  () => {
    const field = new FieldMesh();
    const prometheus = new PrometheusProcess();
    const weights: number[] = [];
    /** Answers of the new version that was bad. */
    let broken = false;
    let stopped = false;
    let traffic: Promise<void> = Promise.resolve();

    const call = () => field.call({ host: 'podinfo', headers: broken ? { 'x-status-of': 'podinfo=500' } : {} });

    /** About a hundred requests a second, whatever becomes of them. */
    async function load(): Promise<void> {
      while (!stopped) {
        await Promise.all(Array.from({ length: 5 }, () => call().catch(() => undefined)));
        await sleep(50);
      }
    }

    function shift(weight: number): void {
      weights.push(weight);
      field.mesh.write('podinfo.yaml', virtualService(weight));
    }

    const finite = ([first]: readonly Series[]): boolean => Number.isFinite(Number(first?.value[1] ?? 'NaN'));

    /** The value of a query, as soon as the canary has had requests. */
    async function measured(promql: string): Promise<number> {
      const [series] = await prometheus.until(promql, finite);
      return Number(series?.value[1]);
    }

    /** One release: more weight after each good check, back to the old version after too many bad ones. */
    async function release(): Promise<'promoted' | 'rolled back'> {
      let failed = 0;
      for (let weight = STEP; ; ) {
        if (weights.at(-1) !== weight) shift(weight);
        await sleep(1000);
        if ((await measured(SUCCESS_RATE)) >= 99 && (await measured(DURATION)) <= SLOW) weight += STEP;
        else failed += 1;
        if (failed < THRESHOLD && weight <= MAX) continue;
        shift(0);
        return failed < THRESHOLD ? 'promoted' : 'rolled back';
      }
    }

    const onlyPrimary = () =>
      field.mesh.until('all requests at the old version', async () => {
        expect(await field.shares(40, { host: 'podinfo' })).toEqual({ 'podinfo-primary': 40 });
      });

    beforeAll(async () => {
      const workloads = ['client', 'podinfo-primary', 'podinfo'].map((name) => ({ name, labels: { app: name } }));
      const services = all(APEX, serviceOf('podinfo-primary'), CANARY_SERVICE);
      await field.start(workloads, { 'services.yaml': services, 'podinfo.yaml': virtualService(0) });
      const sidecars = await Promise.all(['podinfo-primary', 'podinfo'].map((name) => field.mesh.workload(name)));
      const targets = sidecars.map(({ address, sidecar }) => `${address}:${sidecar?.admin}`);
      await prometheus.start([{ name: 'sidecars', path: '/stats/prometheus', targets }]);
      await prometheus.until('up == 1', (series) => series.length === 2);
      await onlyPrimary();
      traffic = load();
    });

    afterAll(async () => {
      stopped = true;
      await traffic;
      await prometheus.dispose();
      await field.dispose();
    });

    it('a good version gets more and more of the traffic, and is promoted', async () => {
      expect(await release()).toBe('promoted');
      expect(weights).toEqual([20, 40, 60, 0]);
      expect(field.app('podinfo').seen.length).toBeGreaterThan(0);
      await onlyPrimary();
    });

    it('a bad version is taken back at the first step, and nobody meets it any more', async () => {
      // What the last version did is out of the window first.
      await prometheus.until(SUCCESS_RATE, (series) => !finite(series));
      weights.length = 0;
      broken = true;
      expect(await release()).toBe('rolled back');
      expect(weights).toEqual([20, 0]);
      await onlyPrimary();
      const met = field.app('podinfo').seen.length;
      expect(await field.shares(40, { host: 'podinfo', headers: { 'x-status-of': 'podinfo=500' } })).toEqual({
        'podinfo-primary': 40,
      });
      expect(field.app('podinfo').seen.length).toBe(met);
    });
  },
);

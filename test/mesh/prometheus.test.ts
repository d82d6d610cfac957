import { spawnSync } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { getText } from '../../cli/mesh/http.js';
import { adminUrl, findWorkload } from '../../cli/mesh/workloads.js';
import { count, DemoProcess } from '../support/demo-process.js';
import { hasPrometheus, PrometheusProcess } from '../support/prometheus.js';

describe.skipIf(!hasPrometheus)('a real Prometheus (skipped where there is none on the PATH)', () => {
  let demo: DemoProcess;
  const prometheus = new PrometheusProcess();
  const admins: string[] = [];

  beforeAll(async () => {
    demo = new DemoProcess();
    await demo.until('traffic', (line) => count(line, 'productpage-v1', 'reviews-v1') > 20, 90_000);
    for (const name of ['productpage-v1', 'reviews-v1']) admins.push(adminUrl(await findWorkload(demo.state, name)));
    await prometheus.start([{ name: 'sidecars', path: '/stats/prometheus', targets: admins }]);
  });

  afterAll(async () => {
    await prometheus.dispose();
    await demo?.dispose();
  });

  it('scrapes two sidecars', async () => {
    const up = await prometheus.until(
      'up{job="sidecars"}',
      (series) => series.length === 2 && series.every(({ value }) => value[1] === '1'),
    );
    expect(up).toHaveLength(2);
  });

  it('answers the usual question for the request rate by source and destination', async () => {
    const answer = await prometheus.until(
      'sum by (source_workload, destination_workload, connection_security_policy) (rate(istio_requests_total{reporter="destination"}[5s]))',
      (series) =>
        series.some(({ metric, value }) => metric['destination_workload'] === 'reviews-v1' && Number(value[1]) > 0),
    );
    const metric = answer.find((series) => series.metric['destination_workload'] === 'reviews-v1')?.metric;
    expect(metric).toMatchObject({ source_workload: 'productpage-v1', connection_security_policy: 'mutual_tls' });
  });

  it('answers the usual question for p99', async () => {
    const answer = await prometheus.until(
      'histogram_quantile(0.99, sum by (le) (rate(istio_request_duration_milliseconds_bucket{reporter="source"}[5s])))',
      (series) => series.some(({ value }) => Number(value[1]) > 0),
    );
    expect(answer).toHaveLength(1);
  });

  it('has nothing that promtool complains about but Istio’s and Envoy’s own names', async () => {
    for (const admin of admins) {
      const text = await getText(`${admin}/stats/prometheus`);
      const run = spawnSync('promtool', ['check', 'metrics'], { input: text, encoding: 'utf8' });
      const complaints = `${run.stdout}${run.stderr}`
        .split('\n')
        .filter((line) => line !== '' && !/^(istio_\w+|envoy_server_days_until_first_cert_expiring) /.test(line));
      expect(complaints).toEqual([]);
    }
  });
});

import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { freePorts } from '../../cli/demo/free-ports.js';
import { getJson, getText } from '../../cli/mesh/http.js';
import { adminUrl, findWorkload } from '../../cli/mesh/workloads.js';
import { count, DemoProcess } from '../support/demo-process.js';

const hasPrometheus = spawnSync('prometheus', ['--version']).status === 0;

interface QueryAnswer {
  readonly data: {
    readonly result: readonly { readonly metric: Record<string, string>; readonly value: [number, string] }[];
  };
}

describe.skipIf(!hasPrometheus)('a real Prometheus (skipped where there is none on the PATH)', () => {
  let demo: DemoProcess;
  let prometheus: ChildProcess;
  let url: string;
  const folder = mkdtempSync(join(tmpdir(), 'weft-prometheus-'));
  const admins: string[] = [];

  beforeAll(async () => {
    demo = new DemoProcess();
    await demo.until('traffic', (line) => count(line, 'productpage-v1', 'reviews-v1') > 20, 90_000);
    for (const name of ['productpage-v1', 'reviews-v1']) admins.push(adminUrl(await findWorkload(demo.state, name)));
    const [port = 0] = await freePorts(1);
    url = `http://127.0.0.1:${port}`;
    const config = {
      global: { scrape_interval: '1s' },
      scrape_configs: [
        {
          job_name: 'sidecars',
          metrics_path: '/stats/prometheus',
          static_configs: [{ targets: admins.map((admin) => admin.replace('http://', '')) }],
        },
      ],
    };
    writeFileSync(join(folder, 'prometheus.yml'), stringify(config));
    prometheus = spawn(
      'prometheus',
      [
        `--config.file=${join(folder, 'prometheus.yml')}`,
        `--storage.tsdb.path=${join(folder, 'data')}`,
        `--web.listen-address=127.0.0.1:${port}`,
      ],
      { stdio: 'ignore' },
    );
  });

  afterAll(() => {
    prometheus?.kill('SIGKILL');
    demo?.dispose();
    rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
  });

  async function query(promql: string, enough: (answer: QueryAnswer) => boolean): Promise<QueryAnswer> {
    const deadline = Date.now() + 30_000;
    for (;;) {
      const answer = await getJson<QueryAnswer>(`${url}/api/v1/query?query=${encodeURIComponent(promql)}`).catch(
        () => undefined,
      );
      if (answer !== undefined && enough(answer)) return answer;
      if (Date.now() > deadline) throw new Error(`${promql}: ${JSON.stringify(answer)}`);
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
  }

  it('scrapes two sidecars', async () => {
    const answer = await query(
      'up{job="sidecars"}',
      ({ data }) => data.result.length === 2 && data.result.every((series) => series.value[1] === '1'),
    );
    expect(answer.data.result).toHaveLength(2);
  });

  it('answers the usual question for the request rate by source and destination', async () => {
    const answer = await query(
      'sum by (source_workload, destination_workload, connection_security_policy) (rate(istio_requests_total{reporter="destination"}[5s]))',
      ({ data }) =>
        data.result.some(
          (series) => series.metric['destination_workload'] === 'reviews-v1' && Number(series.value[1]) > 0,
        ),
    );
    const metric = answer.data.result.find((series) => series.metric['destination_workload'] === 'reviews-v1')?.metric;
    expect(metric).toMatchObject({ source_workload: 'productpage-v1', connection_security_policy: 'mutual_tls' });
  });

  it('answers the usual question for p99', async () => {
    const answer = await query(
      'histogram_quantile(0.99, sum by (le) (rate(istio_request_duration_milliseconds_bucket{reporter="source"}[5s])))',
      ({ data }) => data.result.some((series) => Number(series.value[1]) > 0),
    );
    expect(answer.data.result).toHaveLength(1);
  });

  it('has nothing that promtool complains about but Istio’s own names', async () => {
    for (const admin of admins) {
      const text = await getText(`${admin}/stats/prometheus`);
      const run = spawnSync('promtool', ['check', 'metrics'], { input: text, encoding: 'utf8' });
      const complaints = `${run.stdout}${run.stderr}`
        .split('\n')
        .filter((line) => line !== '' && !/^istio_\w+ /.test(line));
      expect(complaints).toEqual([]);
    }
  });
});

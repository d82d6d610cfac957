import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { freePorts } from '../../cli/demo/free-ports.js';
import { getJson } from '../../cli/mesh/http.js';
import { killed } from './processes.js';

export const hasPrometheus: boolean = spawnSync('prometheus', ['--version']).status === 0;

export interface Series {
  readonly metric: Readonly<Record<string, string>>;
  readonly value: readonly [number, string];
}

/** What is scraped: `targets` are URLs' hosts, `path` the page of metrics. */
export interface ScrapeJob {
  readonly name: string;
  readonly path: string;
  readonly targets: readonly string[];
}

/** A real Prometheus of its own, which scrapes every second. */
export class PrometheusProcess {
  private readonly folder = mkdtempSync(join(tmpdir(), 'weft-prometheus-'));
  private child: ChildProcess | undefined;
  private url = '';

  /** Where it will answer: known before it is started. */
  async address(): Promise<string> {
    if (this.url === '') {
      const [port = 0] = await freePorts(1);
      this.url = `http://127.0.0.1:${port}`;
    }
    return this.url;
  }

  /** Gives it a past, as OpenMetrics with timestamps; before it is started. */
  remember(openMetrics: string): void {
    const file = join(this.folder, 'past.txt');
    writeFileSync(file, openMetrics);
    const args = ['tsdb', 'create-blocks-from', 'openmetrics', file, join(this.folder, 'data')];
    const { status, stderr } = spawnSync('promtool', args, { encoding: 'utf8' });
    if (status !== 0) throw new Error(`promtool does not take the past: ${stderr}`);
  }

  /** `rules`: text of rule files by name. */
  async start(jobs: readonly ScrapeJob[], rules: Readonly<Record<string, string>> = {}): Promise<void> {
    const { host } = new URL(await this.address());
    for (const [name, text] of Object.entries(rules)) writeFileSync(join(this.folder, name), text);
    const config = {
      global: { scrape_interval: '1s', evaluation_interval: '1s' },
      rule_files: Object.keys(rules),
      scrape_configs: jobs.map(({ name, path, targets }) => ({
        job_name: name,
        metrics_path: path,
        static_configs: [{ targets: targets.map((target) => target.replace('http://', '')) }],
      })),
    };
    const file = join(this.folder, 'prometheus.yml');
    writeFileSync(file, stringify(config));
    const data = `--storage.tsdb.path=${join(this.folder, 'data')}`;
    const args = [`--config.file=${file}`, data, `--web.listen-address=${host}`];
    this.child = spawn('prometheus', args, { stdio: 'ignore' });
  }

  /** What `path` of its API answers; rejects when that is an error. */
  async get<T>(path: string, parameters: Readonly<Record<string, string>> = {}): Promise<T> {
    const { data } = await getJson<{ data: T }>(`${this.url}/api/v1/${path}?${new URLSearchParams(parameters)}`);
    return data;
  }

  async query(promql: string): Promise<readonly Series[]> {
    return (await this.get<{ result: readonly Series[] }>('query', { query: promql })).result;
  }

  /** Asks until `enough` holds. */
  async until(promql: string, enough: (series: readonly Series[]) => boolean): Promise<readonly Series[]> {
    const deadline = Date.now() + 30_000;
    for (;;) {
      const series = await this.query(promql).catch(() => undefined);
      if (series !== undefined && enough(series)) return series;
      if (Date.now() > deadline) throw new Error(`${promql}: ${JSON.stringify(series)}`);
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
  }

  /** It is gone at once. */
  kill(): void {
    this.child?.kill('SIGKILL');
  }

  async dispose(): Promise<void> {
    if (this.child !== undefined) await killed([this.child]);
    rmSync(this.folder, { recursive: true, force: true });
  }
}

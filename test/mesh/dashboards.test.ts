import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse, stringify } from 'yaml';
import { getJson } from '../../cli/mesh/http.js';
import { locateControlPlane } from '../../cli/mesh/locate.js';
import type { WorkloadListing } from '../../cli/mesh/workloads.js';
import { checkout, count, DemoProcess } from '../support/demo-process.js';
import { hasPrometheus, PrometheusProcess } from '../support/prometheus.js';
import { ISTIO_DASHBOARDS, NOT_EXPORTED } from './istio-dashboards.js';

const FOLDER = join(checkout, 'deploy', 'dashboards');
const files = (end: string): string[] => readdirSync(FOLDER).filter((name) => name.endsWith(end));
const text = (name: string): string => readFileSync(join(FOLDER, name), 'utf8');

interface Dashboard {
  readonly uid: string;
  readonly templating: { readonly list: readonly { readonly type: string; readonly definition?: string }[] };
  readonly panels: readonly {
    readonly id: number;
    readonly title: string;
    readonly gridPos: Readonly<Record<'x' | 'y' | 'w' | 'h', number>>;
    readonly datasource: unknown;
    readonly targets: readonly { readonly refId: string; readonly expr: string }[];
  }[];
}

interface RuleFile {
  readonly groups: readonly { interval?: string; readonly rules: readonly Rule[] }[];
}
interface Rule {
  readonly record?: string;
  readonly alert?: string;
  readonly expr: string;
}

const FAILS = 'nothing fails until a test makes it';

/** What has no data in a demo in which nothing goes wrong, by a part of the expression, with the reason. */
const EMPTY: Readonly<Record<string, string>> = {
  'sum by (source_workload, destination_service_name, response_code, response_flags) (rate(istio_requests_total{reporter="source", destination_service_namespace=~".*", response_code=~"5..|0"':
    FAILS,
  'sum by (destination_service_name, response_code, response_flags) (rate(istio_requests_total{reporter="source", source_workload_namespace=~".*", source_workload=~".*", response_code=~"5..|0"':
    FAILS,
  'connection_security_policy="none"': 'nobody calls in plain text',
  pilot_total_xds_rejects: 'nobody refuses anything; a label appears with the first refusal',
  pilot_xds_expired_nonce: 'no request overtakes another; a label appears with the first one',
  pilot_debounce_time: 'measured in a cluster only: a folder is read after 50 ms of quiet',
  sidecar_injection_: 'nothing is injected on one machine',
  galley_validation_: 'there is no API server whose objects are validated',
};

const dashboards = files('.json').map((name) => JSON.parse(text(name)) as Dashboard);
const rules = files('.rules.yaml').map((name) => [name, parse(text(name)) as RuleFile] as const);

/** As Grafana fills in a dashboard's variables when everything is chosen. */
function filled(expr: string): string {
  return expr.replaceAll('$__rate_interval', '1m').replace(/\$\w+/g, '.*');
}

/** On one machine TCP is reached by CONNECT, which the caller's sidecar counts as a request. */
const isCallersTcp = (expr: string): boolean => /istio_tcp_\w+\{reporter="source"/.test(expr);

const reasonToBeEmpty = (expr: string): string | undefined =>
  isCallersTcp(expr) ? 'reached by CONNECT' : Object.entries(EMPTY).find(([part]) => expr.includes(part))?.[1];

describe('dashboards as files', () => {
  it.each(dashboards)('$uid: panels have ids and places of their own, and the data source that is chosen', (board) => {
    const { panels, templating } = board;
    expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
    expect(new Set(panels.map(({ gridPos: { x, y } }) => `${x} ${y}`)).size).toBe(panels.length);
    expect(panels.every(({ gridPos: { x, w } }) => x + w <= 24)).toBe(true);
    expect(templating.list[0]).toMatchObject({ type: 'datasource', name: 'DS_PROMETHEUS' });
    for (const { datasource } of panels)
      expect(datasource).toEqual({ type: 'prometheus', uid: `$${'{DS_PROMETHEUS}'}` });
  });
});

describe.skipIf(!hasPrometheus)(
  'on a Prometheus that scraped the demo (skipped where there is none on the PATH)',
  () => {
    let demo: DemoProcess;
    const prometheus = new PrometheusProcess();

    beforeAll(async () => {
      demo = new DemoProcess();
      await demo.until('traffic', (line) => count(line, 'productpage-v1', 'reviews-v1') > 5, 90_000);
      const { debugUrl } = locateControlPlane(demo.state);
      const workloads = await getJson<WorkloadListing[]>(`${debugUrl}/debug/workloads`);
      const sidecars = workloads.flatMap(({ address, sidecar }) => (sidecar ? [`${address}:${sidecar.admin}`] : []));
      // Groups at the pace of the scrapes.
      for (const [, { groups }] of rules) for (const group of groups) delete group.interval;
      await prometheus.start(
        [
          { name: 'control-plane', path: '/metrics', targets: [debugUrl] },
          { name: 'sidecars', path: '/stats/prometheus', targets: sidecars },
        ],
        Object.fromEntries(rules.map(([name, file]) => [name, stringify(file)])),
      );
      await prometheus.until('up == 1', (series) => series.length === sidecars.length + 1);
      await prometheus.until('count(count_over_time(up[1m]) > 2)', ([all]) => Number(all?.value[1]) > sidecars.length);
      // A change, whose way the control plane measures.
      demo.write(
        'routes.yaml',
        demo.read('routes.yaml').replace('weight: 90', 'weight: 80').replace('weight: 10', 'weight: 20'),
      );
    });

    afterAll(async () => {
      await prometheus.dispose();
      await demo?.dispose();
    });

    /** Resolves when the expression has a number. */
    const hasData = (expr: string): Promise<unknown> =>
      prometheus.until(expr, (series) => series.some(({ value }) => Number.isFinite(Number(value[1]))));

    it.each(dashboards)('$uid: each expression answers', async ({ panels }) => {
      for (const { expr } of panels.flatMap(({ targets }) =>
        targets.map((target) => ({ expr: filled(target.expr) })),
      )) {
        if (reasonToBeEmpty(expr) === undefined) await hasData(expr);
        else await prometheus.query(expr);
      }
    });

    it('the choices of the dashboards are not empty', async () => {
      for (const { definition = '' } of dashboards.flatMap(({ templating }) => templating.list)) {
        const [, series, label] = /^label_values\((.+), (\w+)\)$/.exec(filled(definition)) ?? [];
        if (series === undefined || label === undefined) continue;
        expect(await prometheus.get<string[]>(`label/${label}/values`, { 'match[]': series })).not.toHaveLength(0);
      }
    });

    it('each rule is evaluated without an error, records have values, and nothing is wrong', async () => {
      for (const { record, expr } of rules.flatMap(([, { groups }]) => groups.flatMap((group) => group.rules))) {
        if (record === undefined) await prometheus.query(expr);
        else await hasData(record);
      }
      const { groups } = await prometheus.get<{
        groups: readonly { rules: readonly { name: string; health: string; lastError?: string; state?: string }[] }[];
      }>('rules');
      for (const { name, health, lastError, state = 'inactive' } of groups.flatMap((group) => group.rules)) {
        expect([name, health, lastError]).toEqual([name, 'ok', undefined]);
        // What is slow on a machine that does many things at once is no fault of the rule.
        if (!name.includes('Slow')) expect([name, state]).not.toEqual([name, 'firing']);
      }
    });

    it('what fails is seen by dashboards and rules', async () => {
      const fault = 'fault: {abort: {httpStatus: 503, percentage: {value: 50}}}';
      const before = demo.read('routes.yaml');
      demo.write('routes.yaml', before.replace('- name: split', `- name: split\n      ${fault}`));
      const exprs = dashboards.flatMap(({ panels }) =>
        panels.flatMap(({ targets }) => targets.map(({ expr }) => expr)),
      );
      for (const expr of exprs.map(filled)) {
        if (reasonToBeEmpty(expr) === FAILS) await hasData(expr);
      }
      await hasData('weft:service_error_ratio:rate5m{destination_service_name="reviews"} > 0.001');
      demo.write('routes.yaml', before);
    });

    it.each(ISTIO_DASHBOARDS)('Istio’s dashboards find $metric', async ({ metric, labels }) => {
      if (NOT_EXPORTED.has(metric)) return;
      await hasData(`${metric}{${labels.map((label) => `${label}!=""`).join(',')}}`);
    });

    it('what Istio’s dashboards do not find is what is said to be missing', async () => {
      for (const [metric] of NOT_EXPORTED) expect([metric, await prometheus.query(metric)]).toEqual([metric, []]);
    });
  },
);

import type { EndpointState, WorkloadDetails, WorkloadState } from '../../../../common/observe/workload.js';
import { type Child, h } from '../dom.js';
import { clockTime, identityName, percent, span } from '../model/format.js';
import { pill, section, table } from './parts.js';

/** Certificates with less than this left are told in the colour of trouble. */
const SOON_MS = 3_600_000;

/**
 * Instances with their proxies, certificates, and the endpoints that they call; `clients` tell how they find these, and `everybody` who
 * has ejected whom.
 */
export function instanceParts(
  here: readonly WorkloadState[],
  details: readonly WorkloadDetails[],
  clients: readonly WorkloadDetails[],
  everybody: readonly WorkloadState[],
): HTMLElement {
  return h(
    'div',
    {},
    ...troubled(here, everybody),
    section('Endpoints', [endpoints(here)], { count: here.length }),
    ...clients
      .filter(({ endpoints: seen }) => seen.length > 0)
      .map(({ name, endpoints: seen }) => section(`Endpoints as ${name} sees them`, [upstreams(seen)])),
    ...nacks(here),
    section('Certificates', [certificates(details)], { open: true }),
    section('What its sidecar sees of others', [upstreams(details.flatMap(({ endpoints: all }) => all))], {
      open: false,
    }),
    ...[...new Set(details.flatMap(({ notes }) => notes))].map((note) => h('p', { class: 'muted' }, note)),
  );
}

function endpoints(here: readonly WorkloadState[]): HTMLElement {
  return table(
    ['instance', 'address', 'locality', 'proxy', 'configuration'],
    here.map((one) => [
      one.name,
      h('code', {}, one.address),
      one.locality === '' ? '–' : one.locality,
      proxyOf(one),
      syncOf(one),
    ]),
    { empty: 'No workload is behind it.' },
  );
}

function proxyOf({ proxy, meshed }: WorkloadState): Child {
  if (proxy === undefined) return meshed ? pill('not connected', 'degraded') : 'no sidecar';
  const version = proxy.version === '' ? proxy.dataPlane : `${proxy.dataPlane} ${proxy.version}`;
  return [version, proxy.observed?.draining === true && pill('draining', 'degraded')];
}

function syncOf({ proxy }: WorkloadState): Child {
  if (proxy === undefined) return '–';
  const states = Object.entries(proxy.sync);
  const bad = states.filter(([, state]) => state === 'NACKED');
  if (bad.length > 0) return pill(`refused ${bad.map(([type]) => type).join(', ')}`, 'failing');
  const stale = states.filter(([, state]) => state === 'STALE');
  if (stale.length > 0) return pill(`stale ${stale.map(([type]) => type).join(', ')}`, 'degraded');
  return pill('synced', 'good');
}

function nacks(here: readonly WorkloadState[]): HTMLElement[] {
  const all = here.flatMap(({ name, proxy }) => (proxy?.nacks ?? []).map((nack) => ({ ...nack, name })));
  if (all.length === 0) return [];
  return [
    section(
      'Refused configuration',
      all.map(({ name, type, resource, reason, at }) =>
        h(
          'article',
          { class: 'failure' },
          h('h4', {}, pill(type, 'failing'), h('span', {}, `${name} refuses ${resource}`)),
          h('p', { class: 'cause' }, reason),
          h('p', { class: 'muted' }, `since ${clockTime(Date.parse(at))}; its last good configuration stays in force`),
        ),
      ),
      { count: all.length },
    ),
  ];
}

/** Who among all workloads has ejected hosts of a service that these serve. */
function troubled(here: readonly WorkloadState[], everybody: readonly WorkloadState[]): HTMLElement[] {
  const hosts = new Set(here.flatMap(({ services }) => services));
  const seen = everybody.flatMap(({ name, proxy }) =>
    (proxy?.observed?.troubledClusters ?? [])
      .filter((cluster) => hosts.has(cluster.name.split('|')[3] ?? ''))
      .map((cluster) => ({ ...cluster, name, cluster: cluster.name })),
  );
  return seen
    .filter(({ hosts: all, healthy }) => healthy < all)
    .slice(0, 8)
    .map(({ name, cluster, hosts: all, healthy, ejected }) =>
      h(
        'p',
        { class: 'trouble' },
        pill(`${healthy}/${all}`, 'degraded', cluster),
        ` ${name} sends to ${healthy} of ${all} hosts${ejected > 0 ? `; ${ejected} ejected for their answers` : ''}`,
      ),
    );
}

function certificates(details: readonly WorkloadDetails[]): HTMLElement {
  const rows = details.flatMap(({ name, certificates: all }) => all.map((certificate) => ({ name, ...certificate })));
  return table(
    ['identity', 'remaining', 'of its life', 'serial'],
    rows.map(({ identity, notBefore, notAfter, serialNumber }) => {
      const left = notAfter - Date.now();
      const tone = left <= 0 ? 'failing' : left < SOON_MS && left < (notAfter - notBefore) / 3 ? 'degraded' : 'good';
      return [
        h('code', { title: identity }, identityName(identity)),
        pill(left <= 0 ? `expired ${span(left)} ago` : span(left), tone),
        percent(Math.max(0, Math.min(1, left / (notAfter - notBefore)))),
        h('code', { class: 'serial', title: serialNumber }, serialNumber.slice(0, 12)),
      ];
    }),
    { empty: 'None that its proxy tells of.' },
  );
}

function upstreams(all: readonly EndpointState[]): HTMLElement {
  const rows = [...all].sort((a, b) => Number(a.healthy) - Number(b.healthy) || b.totalRequests - a.totalRequests);
  return table(
    ['cluster', 'address', 'health', 'locality', 'requests', 'errors'],
    rows
      .slice(0, 60)
      .map((one) => [
        h('code', { title: one.cluster }, clusterName(one.cluster)),
        h('code', {}, one.address),
        one.ejected
          ? pill('ejected', 'failing')
          : one.healthy
            ? pill('healthy', 'good')
            : pill(one.flags.join(', ') || 'unhealthy', 'failing'),
        one.locality === '' ? '–' : one.locality,
        one.totalRequests,
        one.errors,
      ]),
    { empty: 'Its proxy tells of none.' },
  );
}

/** `outbound|9080|v1|reviews.default.svc.cluster.local` → `reviews.default:9080 v1`. */
function clusterName(cluster: string): string {
  const [direction, port, subset, host = ''] = cluster.split('|');
  if (direction !== 'outbound') return cluster;
  return `${host.replace(/\.svc\..*$/, '')}:${port}${subset === '' ? '' : ` ${subset}`}`;
}

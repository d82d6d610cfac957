import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Explanation } from '../../common/observe/explanation.js';
import type { Graph } from '../../common/observe/graph.js';
import { ask, Load } from './calls.js';
import { apply, Background, kubectl, MESH, onePod, PLAIN, remove, SYSTEM, until } from './cluster.js';
import { Person, weft } from './people.js';

const FAULT = `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: details}
spec:
  hosts: [details]
  http:
    - match: [{headers: {end-user: {exact: eve}}}]
      fault: {abort: {httpStatus: 555, percentage: {value: 100}}}
      route: [{destination: {host: details}}]
    - route: [{destination: {host: details}}]
`;
const LATER = FAULT.replace('    - match: [{headers: {end-user: {exact: eve}}}]\n      fault', '    - fault');
const CLOSED = `
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: only-productpage}
spec:
  selector: {matchLabels: {app: details}}
  rules: [{from: [{source: {principals: ["*/bookinfo-productpage"]}}]}]
`;
const STRICT = `
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: details}
spec: {selector: {matchLabels: {app: details}}, mtls: {mode: STRICT}}
`;
const DETAILS = { url: `http://details.${MESH}:9080/details/0` };

/** What is seen of the mesh and how it is undone, as somebody with a kubeconfig does it. */
export function observing(): void {
  const folder = mkdtempSync(join(tmpdir(), 'weft-e2e-'));
  const operator = new Person('weft-e2e-operator', folder);
  const viewer = new Person('weft-e2e-viewer', folder);
  let load: Load;

  beforeAll(async () => {
    await Promise.all([
      operator.join('Role/weft-operator'),
      viewer.join('Role/weft-viewer', 'ClusterRole/weft-viewer'),
    ]);
    load = new Load({ url: 'http://productpage:9080/productpage', intervalMs: 100 });
  });

  afterAll(async () => {
    await load.stop();
    await Promise.all([operator.leave(), viewer.leave()]);
    rmSync(folder, { recursive: true, force: true });
  });

  it('weft dashboard prints an address at which the page and the graph of the sample are, with locks', async () => {
    const forward = new Background(process.execPath, ['bin/weft.mjs', 'dashboard', '--no-open', ...viewer.words]);
    try {
      const address = await until('the address', () => Promise.resolve(/^http:\S+/.exec(String(forward.stdout))?.[0]));
      const page = await (await fetch(address)).text();
      expect(page).toContain('<title>');
      const edges = await until('the edges', async () => {
        const graph = (await (await fetch(new URL('/api/graph?window=30s', address))).json()) as Graph;
        const found = new Map(graph.edges.map((edge) => [`${edge.source} ${edge.destination}`, edge.security.kind]));
        const wanted = [
          ['client', 'productpage-v1'],
          ['productpage-v1', 'details-v1'],
          ['productpage-v1', 'reviews-v1'],
          ['reviews-v3', 'ratings-v1'],
        ].map((ends) => ends.map((name) => `workload/${MESH}/${name}`).join(' '));
        return wanted.every((edge) => found.has(edge)) && wanted.map((edge) => found.get(edge));
      });
      expect(edges).toEqual(edges.map(() => 'mtls'));
    } finally {
      await forward.kill();
    }
  });

  it('lets nobody see the mesh from elsewhere but by a token that may', async () => {
    const base = `http://weft-control-plane.${SYSTEM}:15014`;
    const [may, mayNot] = [await viewer.token(), await operator.token()];
    const answer = async (path: string, headers: Readonly<Record<string, string>> = {}): Promise<string> =>
      Object.keys((await ask({ url: `${base}${path}`, headers }, 'deploy/outsider', PLAIN)).answers).join();
    expect(await answer('/dashboard/')).toBe('401');
    expect(await answer('/api/graph')).toBe('401');
    expect(await answer('/api/graph', { authorization: `Bearer ${mayNot}` })).toBe('403');
    expect(await answer('/api/graph', { authorization: `Bearer ${may}` })).toBe('200');
    expect(await answer('/debug/config_dump', { authorization: `Bearer ${may}` })).toBe('403');
    const login = (token: string): Promise<string> => logIn(`${base}/dashboard/login`, token);
    expect(await login(mayNot)).toBe('401');
    const cookie = await login(may);
    expect(cookie).toMatch(/^weft_session=/);
    expect(await answer('/dashboard/', { cookie })).toBe('200');
    expect(await answer('/api/graph', { cookie })).toBe('200');
  });

  it('stat, edges, tap, top, describe, history and bug-report answer', async () => {
    const pod = await onePod('app=details');
    const asked = await Promise.all([
      weft('stat', '-n', MESH, ...viewer.words),
      weft('edges', '-n', MESH, ...viewer.words),
      weft('tap', 'deploy/productpage-v1', '-n', MESH, '--for', '3', ...viewer.words),
      weft('top', 'deploy/details-v1', '-n', MESH, '--for', '3', ...viewer.words),
      weft('describe', 'pod', `${pod.metadata.name}.${MESH}`, ...viewer.words),
      weft('describe', 'service', `details.${MESH}`, ...viewer.words),
      weft('history', ...viewer.words),
      weft('bug-report', '-n', MESH, '-f', join(folder, 'report.tar.gz')),
    ]);
    const [
      stat = '',
      edges = '',
      tap = '',
      top = '',
      describedPod = '',
      describedService = '',
      history = '',
      report = '',
    ] = asked;
    expect(stat).toMatch(/productpage-v1 +1\/1 +100%|productpage-v1 +\S+ +1\/1 +100%/);
    expect(edges).toMatch(/productpage-v1 +details-v1 +mtls +spiffe:/);
    expect(tap).toMatch(/productpage-v1 → details-v1 +GET details:9080\/details\/0 +200/);
    expect(top).toMatch(/productpage-v1 +details-v1 +GET +\/details\/0/);
    expect(describedPod).toContain('details-v1');
    expect(describedService).toContain(`details.${MESH}.svc.cluster.local`);
    expect(history).toMatch(/^[0-9a-f]{12} \*/m);
    expect(report).toMatch(/report.tar.gz: \d+ files/);
  });

  describe('explain says what a pod that asks then gets', () => {
    beforeAll(async () => {
      await apply(FAULT);
      await until('the fault', async () => (await statusOf(EVE)) === '555');
    });
    afterAll(() => remove(`${FAULT}---${CLOSED}`));

    it.each([
      { headers: {}, policy: '', status: '200', verdict: 'allowed', says: 'details-v1' },
      { headers: EVE, policy: '', status: '555', verdict: 'fails', says: '555' },
      { headers: {}, policy: CLOSED, status: '403', verdict: 'refused', says: '' },
    ])('$status: $verdict', async ({ headers, policy, status, verdict, says }) => {
      if (policy !== '') await apply(policy);
      await until(status, async () => (await statusOf(headers)) === status);
      const lines = Object.entries(headers).flatMap(([name, value]) => ['-H', `${name}: ${value}`]);
      const text = await weft('explain', `client.${MESH}`, DETAILS.url, ...lines, '-o', 'json', ...viewer.words);
      const told = JSON.parse(text) as Explanation;
      expect(told, text).toMatchObject({ verdict, notes: [] });
      expect(told.summary).toContain(says);
    });
  });

  it('goes back to a version at once, for whom that is allowed, and follows again', async () => {
    const good =
      (JSON.parse(await weft('history', '-o', 'json')) as { versions: { version: string }[] }).versions[0]?.version ??
      '';
    await apply(LATER);
    await until('the fault', async () => (await statusOf()) === '555');
    await expect(weft('rollback', good, ...viewer.words)).rejects.toThrow(
      /no right.*weft-interventions.*weft-operator/s,
    );
    expect(await weft('rollback', good, ...operator.words)).toContain(`VirtualService ${MESH}/details is new there`);
    await until('the version before', async () => (await statusOf()) === '200');
    expect(await weft('history', ...viewer.words)).toContain(`ROLLED BACK to ${good} by ${operator.user}`);
    expect(await weft('resume', ...operator.words)).toContain(`Left version ${good}`);
    await until('the fault', async () => (await statusOf()) === '555');
    await remove(LATER);
    await until('the Events', async () => {
      const told = await events(SYSTEM);
      return (
        told.includes(`RolledBack the data plane went back to version ${good}, asked for by ${operator.user}`) &&
        told.includes('Resumed ')
      );
    });
  });

  it('bypasses a workload, with and without mTLS, until that is lifted', async () => {
    const workload = `details-v1.${MESH}`;
    const answered = async (inside: string, outside: string): Promise<void> => {
      await until(`${inside} inside`, async () => (await statusOf()) === inside);
      await until(`${outside} outside`, async () => (await statusOf({}, 'deploy/outsider', PLAIN)) === outside);
    };
    await apply(`${CLOSED}---${STRICT}`);
    await answered('403', 'ECONNRESET');
    await expect(weft('bypass', workload, ...viewer.words)).rejects.toThrow(/no right.*weft-operator/s);
    await weft('bypass', workload, ...operator.words);
    await answered('200', 'ECONNRESET');
    await weft('bypass', workload, '--no-mtls', ...operator.words);
    await answered('200', '200');
    expect(await weft('bypass', ...viewer.words)).toContain(
      `${workload}: plain pass-through, no mTLS, asked for by ${operator.user}`,
    );
    await weft('bypass', workload, '--lift', ...operator.words);
    await answered('403', 'ECONNRESET');
    await remove(`${CLOSED}---${STRICT}`);
    await until('the Events', async () => {
      const told = await events(MESH);
      return (
        told.includes(`Bypassed the sidecars of ${workload} are plain`) &&
        told.includes(`BypassLifted the sidecars of ${workload} follow`)
      );
    });
  });
}

const EVE = { 'end-user': 'eve' };

/** What details answers: a status, or the code of an error. */
async function statusOf(headers: Readonly<Record<string, string>> = {}, from = 'deploy/client', namespace = MESH) {
  const { answers } = await ask({ ...DETAILS, headers }, from, namespace);
  return Object.keys(answers).join().split(' ')[0];
}

async function events(namespace: string): Promise<string> {
  return kubectl('get', 'events', '-n', namespace, '-o', 'jsonpath={range .items[*]}{.reason} {.message}{"\\n"}{end}');
}

/** The form of the page, sent from a pod: the session's cookie, or the status of a refusal. */
function logIn(url: string, token: string): Promise<string> {
  const script = `fetch(${JSON.stringify(url)},{method:'POST',redirect:'manual',body:new URLSearchParams({token:process.argv[1]})})
.then(r=>process.stdout.write(r.status===303?r.headers.get('set-cookie').split(';')[0]:String(r.status)))`;
  return kubectl('exec', '-n', PLAIN, 'deploy/outsider', '--', 'node', '-e', script, token);
}

import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { afterAll, expect, it } from 'vitest';
import { ask, Load, share, type Tally } from './calls.js';
import { apply, kubectl, MESH, onePod, PLAIN, page, pause, remove, rolledOut, SYSTEM, until } from './cluster.js';
import { deployment, idle, service, WHO } from './fixtures.js';

const HTTP = '{name: http, port: 8080}';
const GATEWAY = `http://istio-ingressgateway.${SYSTEM}/productpage`;
/** ProxyConfig of a pod whose certificates live for ten seconds, the least that the CA gives. */
const BRIEF = `{proxy.istio.io/config: '{"proxyMetadata": {"SECRET_TTL": "10s"}}'}`;

function policy(name: string): string {
  return readFileSync(new URL(`./policies/${name}.yaml`, import.meta.url), 'utf8');
}

/** A call, and how it ends while `policies/allow-sample.yaml` is all that lets anybody in. */
interface Row {
  readonly from: string;
  readonly to: string;
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly is: RegExp;
}

const ALLOWED = /^200/;
const DENIED = /^403/;
const ROWS: readonly Row[] = [
  { from: 'productpage-v1', to: 'details', path: '/details/0', is: ALLOWED },
  { from: 'productpage-v1', to: 'details', path: '/health', is: DENIED },
  { from: 'productpage-v1', to: 'reviews', path: '/reviews/0', is: ALLOWED },
  { from: 'productpage-v1', to: 'ratings', path: '/ratings/0', is: DENIED },
  { from: 'reviews-v2', to: 'ratings', path: '/ratings/0', is: ALLOWED },
  { from: 'reviews-v2', to: 'details', path: '/details/0', is: DENIED },
  { from: 'details-v1', to: 'productpage', path: '/productpage', is: DENIED },
  { from: 'client', to: 'productpage', path: '/productpage', is: DENIED },
  { from: 'client', to: 'details', path: '/details/0', is: DENIED },
  { from: 'client', to: 'details', path: '/details/0', headers: { 'x-audit': 'yes' }, is: ALLOWED },
  { from: 'client', to: 'details', path: '/details/1', headers: { 'x-audit': 'yes' }, is: DENIED },
];

function call({ from, to, path, headers = {} }: Row, count = 5): Promise<Tally> {
  return ask({ url: `http://${to}:9080${path}`, headers, count }, `deploy/${from}`);
}

/** What `weft` says, and how it ends. */
function weft(...args: readonly string[]): Promise<{ readonly code: number; readonly text: string }> {
  return new Promise((resolve) => {
    execFile(process.execPath, ['bin/weft.mjs', ...args], { encoding: 'utf8' }, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : 1, text: stdout + stderr });
    });
  });
}

async function explained({ from, to, path, headers = {} }: Row): Promise<string> {
  const account = `${MESH}/${from === 'client' ? from : `bookinfo-${from.replace(/-v\d$/, '')}`}`;
  const more = Object.entries(headers).flatMap(([name, value]) => ['--header', `${name}: ${value}`]);
  const target = ['--to', `deploy/${to}-v1`, '-n', MESH, '--port', '9080', '-o', 'json'];
  const { text } = await weft('authz', 'explain', '--from', account, ...target, ...more, 'GET', path);
  return text;
}

/** The page as a browser gets it. */
async function fetched(url: string, headers: object): Promise<string> {
  const script = `fetch(${JSON.stringify(url)},{headers:${JSON.stringify(headers)}}).then(async r=>process.stdout.write(r.status+' '+await r.text()))`;
  return kubectl('exec', '-n', PLAIN, 'deploy/outsider', '--', 'node', '-e', script);
}

interface Issuer {
  /** The program that shows its keys. */
  readonly source: string;
  token(claims: Readonly<Record<string, unknown>>, lifetime?: string): Promise<string>;
}

async function issuer(): Promise<Issuer> {
  const { publicKey, privateKey } = await generateKeyPair('RS256', { extractable: true });
  const keys = JSON.stringify({ keys: [{ ...(await exportJWK(publicKey)), kid: 'one', alg: 'RS256', use: 'sig' }] });
  return {
    source: `require('http').createServer((q,s)=>s.end(${JSON.stringify(keys)})).listen(8080,'::');process.on('SIGTERM',()=>process.exit(0))`,
    token: (claims, lifetime = '1h') =>
      new SignJWT({ groups: ['readers'], aud: 'bookinfo', ...claims })
        .setProtectedHeader({ alg: 'RS256', kid: 'one' })
        .setIssuer('https://issuer.test')
        .setSubject('somebody')
        .setExpirationTime(lifetime)
        .sign(privateKey),
  };
}

/** Roots and leaf of a pod's sidecar, as its admin port shows them. */
async function serials(app: string): Promise<{ readonly leaf: string; readonly roots: string }> {
  const { name } = (await onePod(`app=${app}`)).metadata;
  const { certificates } = JSON.parse(await page(MESH, name, 'istio-proxy', 'http://127.0.0.1:15000/certs')) as {
    certificates: readonly { ca_cert: readonly object[]; cert_chain: readonly object[] }[];
  };
  const all = (of: 'ca_cert' | 'cert_chain'): string => JSON.stringify(certificates.map((entry) => entry[of]));
  return { leaf: all('cert_chain'), roots: all('ca_cert') };
}

/** Strict TLS, nothing allowed but what is listed, tokens at the door, and everything that proves identity replaced under load. */
export function zeroTrust(): void {
  // However it went: what follows is not to be denied.
  afterAll(async () => {
    await remove(['allow-sample', 'deny-all', 'strict'].map(policy).join('---\n'));
    await remove(policy('gateway-tokens'), SYSTEM);
  });

  it('lets in what the policies of a STRICT namespace list, and nothing else', async () => {
    await apply(`${policy('strict')}---\n${policy('deny-all')}`);
    for (const from of ['client', 'productpage-v1'])
      await until(`denial of ${from}`, async () => {
        const tally = await ask({ url: 'http://details:9080/details/0', count: 5 }, `deploy/${from}`);
        return share(tally, DENIED) === 1;
      });
    await apply(policy('allow-sample'));
    await kubectl('wait', '-n', MESH, 'authorizationpolicy', '--all', '--for=condition=Programmed', '--timeout=30s');
    const outside = { url: `http://details.${MESH}:9080/details/0`, count: 5 };
    await until('the first that is allowed', async () => share(await call(ROWS[0] as Row), ALLOWED) === 1);
    await Promise.all(
      ROWS.map((row) =>
        until(
          `${row.from} → ${row.to}${row.path}: ${row.is.source}`,
          async () => share(await call(row), row.is) === 1,
          30,
        ),
      ),
    );
    expect(await ask(outside, 'deploy/outsider', PLAIN)).toMatchObject({ answers: { ECONNRESET: 5 } });
    const asked = ROWS.filter(({ to }) => to === 'details');
    const said = await Promise.all(asked.map(explained));
    for (const [index, row] of asked.entries())
      expect(said[index], JSON.stringify(row)).toContain(row.is === ALLOWED ? '"allowed"' : '"denied"');
    // The whole page needs every call of the sample; probes go on.
    const html = await fetched(GATEWAY, {});
    expect(html).toMatch(/^200 .*Reviews served by/s);
    expect(html).not.toContain('class="error"');
    expect(await kubectl('get', 'pods', '-n', MESH, '--no-headers')).not.toMatch(/\s0\/\d/);
  });

  it('asks for tokens at the gateway, whose keys the control plane fetches', async () => {
    const [good, stranger] = await Promise.all([issuer(), issuer()]);
    await apply(`${deployment('issuer', good.source)}---${service('issuer', HTTP)}`, PLAIN);
    await rolledOut(PLAIN, 'deploy/issuer');
    await apply(policy('gateway-tokens'), SYSTEM);
    const answer = (token?: string): Promise<Tally> =>
      ask(
        { url: GATEWAY, count: 5, headers: token === undefined ? {} : { authorization: `Bearer ${token}` } },
        'deploy/outsider',
        PLAIN,
      );
    const token = await good.token({});
    await until('the gateway asks for tokens', async () => share(await answer(), DENIED) === 1);
    await until('a token is let in', async () => share(await answer(token), ALLOWED) === 1);
    expect(await answer(await good.token({ groups: ['writers'] }))).toMatchObject({ answers: { '403': 5 } });
    expect(await answer(await good.token({ aud: 'shop' }))).toMatchObject({ answers: { '403': 5 } });
    for (const bad of [await good.token({}, '-5m'), await stranger.token({}), `${token.slice(0, -6)}AAAAAA`, 'none'])
      expect(await answer(bad)).toMatchObject({ answers: { '401': 5 } });
    expect(await fetched(GATEWAY, { authorization: `Bearer ${token}` })).toContain('Reviews served by');
    await remove(policy('gateway-tokens'), SYSTEM);
    await remove(`${deployment('issuer', good.source)}---${service('issuer', HTTP)}`, PLAIN);
    await until('no tokens', async () => share(await answer(), ALLOWED) === 1);
  });

  it('replaces the root, and certificates of ten seconds many times, without a failed request', async () => {
    const rules = `
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: brief}
spec: {host: brief, trafficPolicy: {connectionPool: {http: {maxRequestsPerConnection: 1}}}}
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: brief}
spec:
  selector: {matchLabels: {app: brief}}
  rules: [{from: [{source: {serviceAccounts: [brief-client]}}]}]
`;
    await apply(
      `${deployment('brief', WHO, BRIEF)}---${service('brief', HTTP)}---${idle('brief-client', BRIEF)}---${rules}`,
    );
    await rolledOut(MESH, 'deploy/brief', 'deploy/brief-client');
    // A handshake for every request, by the rule above.
    const brief = { url: 'http://brief:8080/' };
    await until('an answer', async () => share(await ask(brief, 'deploy/brief-client'), /mtls$/) === 1);
    const apps = ['brief', 'brief-client', 'productpage', 'details', 'ratings'];
    const before = await Promise.all(apps.map(serials));
    const loads = [new Load(brief, 'deploy/brief-client'), new Load({ url: GATEWAY }, 'deploy/outsider', PLAIN)];
    await pause(1500);
    const started = Date.now();
    const rotation = await weft('ca', 'rotate-root', '--timeout', '120s');
    // Longer than two lifetimes: what is not renewed ends within.
    await pause(Math.max(2000, 25_000 - (Date.now() - started)));
    const [status, after] = await Promise.all([weft('ca', 'status'), Promise.all(apps.map(serials))]);
    const tallies = await Promise.all(loads.map((load) => load.stop()));
    expect(rotation.text).toMatch(/Done: the root is \w+ alone/);
    expect(status.text).toContain('No rotation is under way.');
    for (const tally of tallies) {
      expect(tally.failures).toEqual([]);
      expect(share(tally, ALLOWED)).toBe(1);
      expect(tally.total).toBeGreaterThan(100);
    }
    for (const [index, { leaf, roots }] of after.entries()) {
      expect(leaf, apps[index]).not.toBe(before[index]?.leaf);
      expect(roots, apps[index]).not.toBe(before[index]?.roots);
    }
    // Who comes now is given the new root, and gets on with who was there.
    await kubectl('rollout', 'restart', '-n', MESH, 'deploy/brief-client');
    await rolledOut(MESH, 'deploy/brief-client');
    await until(
      'the new pod',
      async () => share(await ask({ ...brief, count: 20 }, 'deploy/brief-client'), /mtls$/) === 1,
    );
    await kubectl('delete', '-n', MESH, 'deploy/brief', 'deploy/brief-client', 'svc/brief', '--wait=false');
    await remove(rules);
  });
}

import { chmod, mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client, credentials, Metadata, type ServiceError, status } from '@grpc/grpc-js';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createCsr } from '../common/identity/csr.js';
import { createKeyPair } from '../common/identity/keys.js';
import { toStruct } from '../common/xds/struct.js';
import { TYPE } from '../common/xds/type-urls.js';
import { type ControlPlaneApp, startControlPlane } from './app.js';
import { CA_SERVICE } from './ca/service.js';
import { folderParts } from './main.js';
import { ADS_SERVICE, type DeltaDiscoveryResponse, type DeltaRequest } from './xds/service.js';

const CONFIG = `
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: { name: reviews-v1, namespace: default }
spec: { address: 127.0.0.1, ports: { http: 9080 }, labels: { app: reviews }, serviceAccount: reviews }
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: reviews, namespace: default }
spec:
  hosts: [reviews.default.svc.cluster.local]
  location: MESH_INTERNAL
  resolution: STATIC
  ports: [{ number: 9080, name: http, protocol: HTTP }]
  workloadSelector: { labels: { app: reviews } }
`;
const silent = pino({ level: 'silent' });

let folder: string;
let app: ControlPlaneApp;
let lines: string[];

async function start(): Promise<ControlPlaneApp> {
  const config = {
    configDir: join(folder, 'config'),
    stateDir: join(folder, 'state'),
    host: '127.0.0.1',
    xdsPort: 0,
    plaintextXdsPort: 0,
    debugPort: 0,
    certTtlSeconds: 3600,
  };
  return startControlPlane(config, { ...folderParts(config, silent), report: (line) => lines.push(line) });
}

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'weft-control-'));
  await mkdir(join(folder, 'config'));
  await writeFile(join(folder, 'config', 'mesh.yaml'), CONFIG);
  lines = [];
  app = await start();
});

afterEach(async () => {
  await app.stop();
  await rm(folder, { recursive: true, force: true });
});

async function get<T>(path: string): Promise<T> {
  const response = await fetch(`${app.state.debugUrl}${path}`);
  expect(response.status, path).toBe(200);
  return (await response.json()) as T;
}

interface Bootstrap {
  readonly node: { readonly id: string; readonly metadata: Record<string, string> };
}

async function connect(): Promise<{ client: Client; metadata: Metadata; bootstrap: Bootstrap }> {
  const bootstrap = await get<Bootstrap>('/debug/bootstrap?workload=default/reviews-v1');
  const root = await readFile(app.state.rootCertificate);
  const client = new Client(app.state.xdsAddress, credentials.createSsl(root), {
    'grpc.ssl_target_name_override': 'istiod.istio-system.svc',
  });
  const metadata = new Metadata();
  const token = await readFile(bootstrap.node.metadata['TOKEN_PATH'] ?? '', 'utf8');
  metadata.set('authorization', `Bearer ${token.trim()}`);
  return { client, metadata, bootstrap };
}

describe('the control plane', () => {
  it('tells sidecars to believe nobody else of the mesh in its place', async () => {
    expect(JSON.stringify(await get('/debug/bootstrap?workload=default/reviews-v1'))).toContain(
      '"match_typed_subject_alt_names":[{"san_type":"DNS","matcher":{"exact":"istiod.istio-system.svc"}}]',
    );
  });

  it('says where it is, in a file that goes with it', async () => {
    const path = join(folder, 'state', 'control-plane.json');
    expect(JSON.parse(await readFile(path, 'utf8'))).toEqual(app.state);
    await app.stop();
    await expect(stat(path)).rejects.toThrow('ENOENT');
  });

  it('keeps its secrets to itself, also when somebody opened them, and its ports and root over a restart', async () => {
    const key = join(folder, 'state', 'ca', 'root.key');
    expect((await stat(key)).mode & 0o777).toBe(0o600);
    expect((await stat(join(folder, 'state', 'ca'))).mode & 0o777).toBe(0o700);
    expect((await stat(join(folder, 'state', 'tokens', 'signing.key'))).mode & 0o777).toBe(0o600);
    expect((await stat(join(folder, 'state', 'tokens', 'default', 'reviews-v1.jwt'))).mode & 0o777).toBe(0o600);
    const before = await readFile(app.state.rootCertificate, 'utf8');
    await app.stop();
    await chmod(key, 0o644);
    const { xdsAddress, debugUrl } = app.state;
    app = await start();
    expect((await stat(key)).mode & 0o777).toBe(0o600);
    expect(await readFile(app.state.rootCertificate, 'utf8')).toBe(before);
    expect(app.state).toMatchObject({ xdsAddress, debugUrl });
  });

  it('issues certificates over TLS to who has the token', async () => {
    const { client, metadata } = await connect();
    const csr = createCsr({ ...(await createKeyPair()), uri: 'spiffe://cluster.local/ns/default/sa/reviews' });
    const call = (meta: Metadata): Promise<object | undefined> =>
      new Promise((done, fail) => {
        const { path, requestSerialize, responseDeserialize } = CA_SERVICE.CreateCertificate;
        client.makeUnaryRequest(path, requestSerialize, responseDeserialize, { csr }, meta, (error, value) =>
          error === null ? done(value) : fail(error),
        );
      });
    await expect(call(metadata)).resolves.toMatchObject({ cert_chain: [expect.any(String), expect.any(String)] });
    await expect(call(new Metadata())).rejects.toMatchObject({ code: status.UNAUTHENTICATED });
    client.close();
    expect(await (await fetch(`${app.state.debugUrl}/metrics`)).text()).toContain(
      'citadel_server_success_cert_issuance_count 1',
    );
  });

  it('streams a sidecar its configuration, pushes what an edit changes, and reports a broken file in one line', async () => {
    const { client, metadata, bootstrap } = await connect();
    const { path, requestSerialize, responseDeserialize } = ADS_SERVICE.DeltaAggregatedResources;
    const call = client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize, metadata);
    const seen: string[] = [];
    let wake = (): void => {};
    call.on('error', () => {});
    call.on('data', (response: DeltaDiscoveryResponse) => {
      for (const { name = '' } of response.resources ?? []) seen.push(name);
      const answer: DeltaRequest = { type_url: response.type_url ?? '', response_nonce: response.nonce ?? '' };
      call.write(answer);
      wake();
    });
    const until = async (name: string): Promise<void> => {
      while (!seen.includes(name)) await new Promise<void>((done) => (wake = done));
    };
    const node = { id: bootstrap.node.id, user_agent_name: 'weft', metadata: toStruct(bootstrap.node.metadata) };
    call.write({ node, type_url: TYPE.cluster } as DeltaRequest);
    call.write({ type_url: TYPE.listener });
    await until('outbound|9080||reviews.default.svc.cluster.local');
    await writeFile(
      join(folder, 'config', 'more.yaml'),
      CONFIG.slice(CONFIG.indexOf('---')).replaceAll('reviews', 'ratings'),
    );
    await until('outbound|9080||ratings.default.svc.cluster.local');
    const [proxy] = await get<{ workload: string; types: Record<string, { status: string }> }[]>('/debug/syncz');
    expect(proxy).toMatchObject({ workload: 'reviews-v1', types: { RDS: { status: 'NOT SENT' } } });
    const dump = await get<{ resources: object }>(`/debug/config_dump?proxy=${encodeURIComponent(bootstrap.node.id)}`);
    expect(Object.keys(dump.resources)).toContain(TYPE.cluster);
    await writeFile(join(folder, 'config', 'mesh.yaml'), CONFIG.replace('number: 9080', 'number: many'));
    await expect
      .poll(() => lines.join('\n'))
      .toMatch(/^mesh\.yaml:\d+ spec\.ports\[0\]\.number: .*the last good version stays in force$/m);
    call.cancel();
    client.close();
  });

  it('gives no stream to a node that its token does not fit', async () => {
    await writeFile(
      join(folder, 'config', 'ratings.yaml'),
      CONFIG.slice(0, CONFIG.indexOf('---')).replaceAll('reviews', 'ratings'),
    );
    await expect.poll(async () => (await fetch(`${app.state.debugUrl}/debug/workloads`)).text()).toContain('ratings');
    const { client, metadata } = await connect();
    const { path, requestSerialize, responseDeserialize } = ADS_SERVICE.DeltaAggregatedResources;
    const failure = async (meta: Metadata, account = 'ratings'): Promise<number> => {
      const node = {
        id: 'x',
        metadata: toStruct({ NAMESPACE: 'default', WORKLOAD_NAME: 'ratings-v1', SERVICE_ACCOUNT: account }),
      };
      const call = client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize, meta);
      call.write({ node, type_url: TYPE.cluster } as DeltaRequest);
      return new Promise((done) => call.on('error', (error: ServiceError) => done(error.code)).on('data', () => {}));
    };
    expect(await failure(metadata)).toBe(status.PERMISSION_DENIED);
    // Its own account, another's workload.
    expect(await failure(metadata, 'reviews')).toBe(status.PERMISSION_DENIED);
    expect(await failure(new Metadata())).toBe(status.UNAUTHENTICATED);
    client.close();
  });

  it.each([
    ['/debug/workloads', /"ports": \[\s*9080\s*\]/],
    ['/debug/registryz', /reviews\.default\.svc\.cluster\.local/],
    ['/debug/findings', /\[/],
    ['/ready', /ready/],
  ])('answers %s', async (path, pattern) => {
    expect(await (await fetch(`${app.state.debugUrl}${path}`)).text()).toMatch(pattern);
  });

  it('has no page for strangers', async () => {
    const code = (path: string, headers: Record<string, string>, method = 'GET'): Promise<number | undefined> =>
      new Promise((done) =>
        request(`${app.state.debugUrl}${path}`, { headers, method }, (response) =>
          done(response.resume().statusCode),
        ).end(),
      );
    expect(await code('/ready', { host: 'evil.example' })).toBe(403);
    expect(await code('/ready', {}, 'POST')).toBe(405);
    expect(await code('/nothing', {})).toBe(404);
    expect(await code('/debug/bootstrap?workload=default/none', {})).toBe(404);
  });
});

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  Client,
  type ClientReadableStream,
  credentials,
  Metadata,
  type MethodDefinition,
  type ServiceError,
  status,
} from '@grpc/grpc-js';
import { afterEach, describe, expect, it } from 'vitest';
import { Counters } from '../../common/runtime/counters.js';
import { createLogger } from '../../common/runtime/log.js';
import { SECRET_DEFAULT, SECRET_ROOT } from '../../common/xds/names.js';
import { TYPE } from '../../common/xds/type-urls.js';
import { SecretStore } from '../tls/secrets.js';
import { TestCa } from '../tls/testing.js';
import { type NoParameters, WORKLOAD_API } from './messages.js';
import { peerUids } from './peer-credentials.js';
import { SDS_SERVICE } from './sds.js';
import { startWorkloadApi, type WorkloadApiSettings } from './server.js';

const ID = 'spiffe://cluster.local/ns/default/sa/shop';
const OWN = process.getuid?.() ?? 0;
const ca = new TestCa();
const folder = mkdtempSync(join(tmpdir(), 'weft-spiffe-'));
const cleanup: (() => unknown)[] = [() => rmSync(folder, { recursive: true, force: true })];
let sockets = 0;
afterEach(async () => {
  for (const close of cleanup.splice(1).reverse()) await close();
});

interface Started {
  readonly client: Client;
  readonly counters: Counters;
  readonly path: string;
}

async function start(secrets: SecretStore, uids: WorkloadApiSettings['uids'] = new Set([OWN])): Promise<Started> {
  const path = join(folder, `${++sockets}`, 'socket');
  const counters = new Counters();
  const log = createLogger('test', 'silent');
  const api = await startWorkloadApi({ socketPath: path, uids, secrets, counters, log, peerUid: peerUids() });
  const client = new Client(`unix:${path}`, credentials.createInsecure());
  cleanup.push(
    () => api.close(),
    () => client.close(),
  );
  return { client, counters, path };
}

function metadata(value = 'true'): Metadata {
  const made = new Metadata();
  if (value !== '') made.set('workload.spiffe.io', value);
  return made;
}

function open<T>(client: Client, method: MethodDefinition<NoParameters, T>, header = metadata()) {
  const stream: ClientReadableStream<T> = client.makeServerStreamRequest(
    method.path,
    method.requestSerialize,
    method.responseDeserialize,
    {},
    header,
  );
  const queue: T[] = [];
  let wake: () => void = () => undefined;
  let failure: ServiceError | undefined;
  stream.on('data', (message: T) => {
    queue.push(message);
    wake();
  });
  stream.on('error', (error: ServiceError) => {
    failure = error;
    wake();
  });
  cleanup.push(() => stream.cancel());
  return {
    async next(): Promise<T> {
      while (queue.length === 0 && failure === undefined) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
      const [first] = queue.splice(0, 1);
      if (first === undefined) throw failure;
      return first;
    },
    count: () => queue.length,
  };
}

describe.runIf(process.platform === 'linux')('the Workload API', () => {
  it('gives the identity, its key and its roots, and every renewal on the same stream', async () => {
    const secrets = ca.secretsOf(ID);
    const { client } = await start(secrets);
    const stream = open(client, WORKLOAD_API.FetchX509SVID);
    const [first] = (await stream.next()).svids;
    expect(first?.spiffe_id).toBe(ID);
    const renewed = ca.issue(ID);
    secrets.set(SECRET_DEFAULT, { kind: 'certificate', ...renewed });
    const [second] = (await stream.next()).svids;
    expect(second?.x509_svid.equals(first?.x509_svid ?? Buffer.alloc(0))).toBe(false);
    expect(renewed.privateKey.replace(/\s/g, '')).toContain(second?.x509_svid_key.toString('base64'));
    expect(ca.pem.replace(/\s/g, '')).toContain(second?.bundle.toString('base64'));
    secrets.set(SECRET_DEFAULT, { kind: 'certificate', ...renewed });
    expect(stream.count()).toBe(0);
  });

  it('gives the roots by trust domain, and others when they change', async () => {
    const secrets = ca.secretsOf(ID);
    const { client } = await start(secrets);
    const stream = open(client, WORKLOAD_API.FetchX509Bundles);
    expect(Object.keys((await stream.next()).bundles)).toEqual(['spiffe://cluster.local']);
    secrets.set(SECRET_ROOT, { kind: 'roots', pem: ca.pem + new TestCa('next').pem });
    const { bundles } = await stream.next();
    expect(bundles['spiffe://cluster.local']?.length).toBeGreaterThan(600);
  });

  it('lets a caller wait until there is an identity', async () => {
    const secrets = new SecretStore();
    const { client } = await start(secrets);
    const stream = open(client, WORKLOAD_API.FetchX509SVID);
    await new Promise((resolve) => client.waitForReady(Date.now() + 5000, resolve));
    secrets.set(SECRET_ROOT, { kind: 'roots', pem: ca.pem });
    secrets.set(SECRET_DEFAULT, { kind: 'certificate', ...ca.issue(ID) });
    expect((await stream.next()).svids).toHaveLength(1);
  });

  it.each(['', 'false', 'TRUE'])('refuses a caller whose security header is %j', async (value) => {
    const { client } = await start(ca.secretsOf(ID));
    for (const method of Object.values(WORKLOAD_API) as MethodDefinition<NoParameters, object>[]) {
      await expect(open(client, method, metadata(value)).next()).rejects.toMatchObject({
        code: status.INVALID_ARGUMENT,
      });
    }
  });

  it('refuses users that are not listed, and counts them', async () => {
    const { client, counters } = await start(ca.secretsOf(ID), new Set([OWN + 1]));
    for (const method of Object.values(WORKLOAD_API) as MethodDefinition<NoParameters, object>[]) {
      await expect(open(client, method).next()).rejects.toMatchObject({ code: status.PERMISSION_DENIED });
    }
    expect(counters.get('workload_api.refused').value).toBeGreaterThan(0);
  });

  it.each(['FetchJWTSVID', 'FetchJWTBundles', 'ValidateJWTSVID'])('has no %s: the profile is off', async (name) => {
    const { client } = await start(ca.secretsOf(ID));
    const method = { ...WORKLOAD_API.FetchX509SVID, path: `/SpiffeWorkloadAPI/${name}` };
    await expect(open(client, method).next()).rejects.toMatchObject({ code: status.UNIMPLEMENTED });
  });

  it('serves the same to an Envoy by SDS', async () => {
    const { client } = await start(ca.secretsOf(ID));
    const { path, requestSerialize, responseDeserialize } = SDS_SERVICE.StreamSecrets;
    const call = client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize);
    const answer = new Promise<{ resources?: readonly unknown[] | null }>((resolve) => call.on('data', resolve));
    call.on('error', () => undefined);
    call.write({ resource_names: [SECRET_DEFAULT], type_url: TYPE.secret } as never);
    const [resource] = ((await answer).resources ?? []) as { name?: string }[];
    call.cancel();
    expect(JSON.stringify(resource)).toContain(SECRET_DEFAULT);
  });

  it('takes the place of a socket that was left behind, but of nobody who listens, nor of a file', async () => {
    const path = join(folder, 'left');
    const secrets = ca.secretsOf(ID);
    const options = { socketPath: path, uids: 'any', secrets, counters: new Counters(), peerUid: () => OWN } as const;
    const log = createLogger('test', 'silent');
    writeFileSync(path, '');
    await expect(startWorkloadApi({ ...options, log })).rejects.toThrow('is no socket');
    rmSync(path);
    const other = createServer();
    await new Promise<void>((resolve) => other.listen(path, resolve));
    await expect(startWorkloadApi({ ...options, log })).rejects.toThrow('somebody else listens');
    await new Promise((resolve) => other.close(resolve));
    const api = await startWorkloadApi({ ...options, log });
    await api.close();
  });
});

import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Server, ServerCredentials, type ServerUnaryCall, type sendUnaryData, status } from '@grpc/grpc-js';
import { afterEach, describe, expect, it } from 'vitest';
import { parseCsr } from '../../common/identity/csr.js';
import { systemClock } from '../../common/runtime/clock.js';
import { createLogger } from '../../common/runtime/log.js';
import { decodeMessage, encodeMessage } from '../../common/xds/codec.js';
import { SECRET_DEFAULT, SECRET_ROOT } from '../../common/xds/names.js';
import { CaClient, type RequestCertificate } from './ca-client.js';
import { caService } from './ca-service.js';
import { SecretStore } from './secrets.js';
import { TestCa } from './testing.js';

const identity = { trustDomain: 'cluster.local', namespace: 'default', serviceAccount: 'reviews' };
const URI = 'spiffe://cluster.local/ns/default/sa/reviews';
const ca = new TestCa();
const log = createLogger('test', 'silent');
const cleanup: (() => void)[] = [];

afterEach(() => {
  for (const close of cleanup.splice(0)) close();
});

function clientOf(request: RequestCertificate, secrets: SecretStore, ttlSeconds = 10): CaClient {
  const client = new CaClient({ identity, ttlSeconds, request, secrets, clock: systemClock, random: () => 0, log });
  cleanup.push(() => client.stop());
  client.start();
  return client;
}

function changes(secrets: SecretStore, count: number): Promise<void> {
  return new Promise((resolve) => {
    let seen = 0;
    secrets.watch((key) => {
      if (key === SECRET_DEFAULT && ++seen === count) resolve();
    });
  });
}

describe('CaClient', () => {
  it('publishes certificate and roots, and renews long before the end', async () => {
    const secrets = new SecretStore();
    const twice = changes(secrets, 2);
    const lifetimes: number[] = [];
    clientOf(async (csr, ttl) => {
      lifetimes.push(ttl);
      return [ca.certify(parseCsr(csr).publicKey, URI, 2000), ca.pem];
    }, secrets);
    await twice;
    expect(lifetimes).toEqual([10, 10]);
    expect(secrets.get(SECRET_ROOT)).toEqual({ kind: 'roots', pem: ca.pem });
  });

  it('sends on what leads to the root, and trusts every root of a bundle', async () => {
    const [secrets, other] = [new SecretStore(), new TestCa()];
    const done = changes(secrets, 1);
    clientOf(async (csr) => [ca.certify(parseCsr(csr).publicKey, URI), other.pem, ca.pem + other.pem], secrets, 3600);
    await done;
    expect(secrets.get(SECRET_ROOT)).toEqual({ kind: 'roots', pem: ca.pem + other.pem });
    const own = secrets.get(SECRET_DEFAULT);
    expect(own?.kind === 'certificate' && own.certificateChain.endsWith(other.pem)).toBe(true);
  });

  it('refuses an answer for another identity or another key, and keeps what it has', async () => {
    const secrets = new SecretStore();
    const answers = [
      (csr: string) => [ca.certify(parseCsr(csr).publicKey, 'spiffe://cluster.local/ns/default/sa/other'), ca.pem],
      () => [ca.issue(URI).certificateChain, ca.pem],
      () => [],
      (csr: string) => [ca.certify(parseCsr(csr).publicKey, URI), ca.pem],
    ];
    const done = changes(secrets, 1);
    const client = clientOf(async (csr) => answers.shift()?.(csr) ?? [], secrets);
    await done;
    expect([client.status.failures, answers.length]).toEqual([3, 0]);
  });
});

describe('caService', () => {
  it('sends the token of the moment and passes errors on', async () => {
    const tokenPath = join(mkdtempSync(join(tmpdir(), 'weft-ca-')), 'token');
    const name = 'type.googleapis.com/istio.v1.auth.IstioCertificate';
    const tokens: string[] = [];
    const server = new Server();
    const same = (bytes: Buffer): Buffer => bytes;
    server.addService(
      {
        create: {
          path: '/istio.v1.auth.IstioCertificateService/CreateCertificate',
          requestStream: false,
          responseStream: false,
          requestSerialize: same,
          requestDeserialize: same,
          responseSerialize: same,
          responseDeserialize: same,
        },
      },
      {
        create: ({ metadata, request }: ServerUnaryCall<Buffer, Buffer>, done: sendUnaryData<Buffer>) => {
          tokens.push(String(metadata.get('authorization')[0]));
          const { csr } = decodeMessage<{ csr: string }>(`${name}Request`, request);
          if (csr === 'bad') done({ code: status.UNAUTHENTICATED, details: 'no' });
          else done(null, encodeMessage(`${name}Response`, { cert_chain: [csr, 'root'] }));
        },
      },
    );
    const port = await new Promise<number>((resolve) =>
      server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (_error, bound) => resolve(bound)),
    );
    cleanup.push(() => server.forceShutdown());
    const request = caService({ address: `127.0.0.1:${port}`, rootsPath: undefined, tokenPath });
    writeFileSync(tokenPath, 'one\n');
    expect(await request('leaf', 10)).toEqual(['leaf', 'root']);
    writeFileSync(tokenPath, 'two');
    await expect(request('bad', 10)).rejects.toMatchObject({ code: status.UNAUTHENTICATED });
    expect(tokens).toEqual(['Bearer one', 'Bearer two']);
  });
});

import { generateKeyPairSync } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Answering, MeshAccess } from '../mesh/access.js';
import type { Cluster } from '../mesh/cluster.js';
import { writeArchive } from './archive.js';
import { clusterRecords } from './cluster-records.js';
import { collect } from './collect.js';
import { scrub } from './scrub.js';

const key = (type: 'pkcs8' | 'sec1'): string =>
  generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ format: 'pem', type }) as string;
const part = (text: object): string => Buffer.from(JSON.stringify(text)).toString('base64url');
const token = `${part({ alg: 'RS256', kid: 'a' })}.${part({ sub: 'system:serviceaccount:default:reviews' })}.c2lnbmF0dXJlc2lnbmF0dXJl`;
const pem = key('pkcs8');

const SECRETS: Readonly<Record<string, readonly [text: string, secret: string]>> = {
  'a PEM key': [`x\n${pem}y`, pem.split('\n')[1] ?? ''],
  'an EC key': [key('sec1'), 'PRIVATE KEY'],
  'a key in base64': [
    JSON.stringify({ inline_bytes: Buffer.from(pem).toString('base64') }),
    Buffer.from(pem).toString('base64').slice(0, 80),
  ],
  'a token': [`the token ${token} was refused`, token],
  'a bearer header': ['authorization: Bearer abcdef0123456789', 'abcdef0123456789'],
  'basic credentials': ['Basic dXNlcjpwYXNzd29yZA==', 'dXNlcjpwYXNzd29yZA'],
  'a password': ['{"password": "correct horse"}', 'correct horse'],
  'a client’s secret': ['{"client_secret":"s3cr\\"et"}', 's3cr'],
  'a URL with a password': ['https://admin:hunter2@prometheus:9090/', 'hunter2'],
};

describe('what leaves the mesh', () => {
  it.each(Object.entries(SECRETS))('%s does not', (_name, [text, secret]) => {
    expect(text).toContain(secret);
    expect(scrub(text)).not.toContain(secret);
  });

  it('certificates and names stay', () => {
    const text =
      '-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\nspiffe://cluster.local/ns/default/sa/reviews "TOKEN_PATH"';
    expect(scrub(text)).toBe(text);
  });
});

describe('the archive', () => {
  let folder = '';
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'weft-bug-report-'));
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  it('has what every part says, without a secret', async () => {
    const leak = Object.values(SECRETS)
      .map(([text]) => text)
      .join('\n');
    const workloads = {
      workloads: [{ name: 'reviews', namespace: '../../etc', proxy: { nacks: [], sync: {} } }],
      notes: [],
    };
    const answering = (name: string): Answering => ({
      name,
      get: (path) =>
        Promise.resolve(path === '/api/workloads' ? JSON.stringify(workloads) : `${name} ${path}\n${leak}`),
      stream: () => Promise.resolve(),
    });
    const mesh: MeshAccess = {
      controlPlanes: () => Promise.resolve([answering('weft-control-plane-1.istio-system')]),
      proxy: (wanted) => Promise.resolve(answering(wanted)),
      async *records(proxies) {
        for (const { name } of proxies) yield { name: `logs/../${name}.log`, text: `a line of its log\n${leak}` };
      },
    };
    const path = join(folder, 'report.tar.gz');
    const files = await writeArchive(
      path,
      'report',
      collect(mesh, { proxies: 5 }, () => undefined),
      new Date(0),
    );
    expect(files).toBeGreaterThan(10);
    const content = gunzipSync(await readFile(path)).toString('utf8');
    for (const name of [
      'mesh/graph.json',
      'control-plane/weft-control-plane-1.istio-system/findings.json',
      'config_dump.json',
      'mesh/objects.yaml',
      'mesh/changes.json',
      'logs/_/reviews.log',
      'a line of its log',
    ]) {
      expect(content).toContain(name);
    }
    expect(content).not.toContain('report/proxies/..');
    for (const [, secret] of Object.values(SECRETS)) expect(content).not.toContain(secret);
  });

  it('has logs and Events of a cluster, bounded, and says what may not be read', async () => {
    const asked: string[] = [];
    const api = {
      request: ({ path }: { path: string }) => {
        asked.push(path);
        if (path.endsWith('/shop/events')) return Promise.reject(new Error('forbidden'));
        const event = {
          involvedObject: { kind: 'ConfigMap', name: 'weft-interventions' },
          reason: 'RolledBack',
          message: 'm',
        };
        return Promise.resolve({
          items: path.endsWith('/events') ? [event] : [{ metadata: { name: 'weft-control-plane-1' } }],
        });
      },
      text: ({ path, query }: { path: string; query: Record<string, string> }) => {
        if (query['previous'] !== undefined) return Promise.reject(new Error('never restarted'));
        expect(query).toMatchObject({ tailLines: '2000', limitBytes: '1000000' });
        return Promise.resolve(`log of ${path} ${query['container'] ?? ''}`);
      },
    };
    const cluster = { api, rootNamespace: 'istio-system', namespace: 'default', title: 't' } as unknown as Cluster;
    const files = new Map<string, string>();
    for await (const { name, text } of clusterRecords(cluster, [{ namespace: 'shop', name: 'reviews-1' }]))
      files.set(name, text);
    expect([...files.keys()]).toEqual([
      'logs/istio-system/weft-control-plane-1.log',
      'logs/shop/reviews-1.log',
      'events/istio-system.json',
      'events/shop.json',
    ]);
    expect(files.get('logs/shop/reviews-1.log')).toMatch(/reviews-1\/log istio-proxy$/);
    expect(files.get('events/istio-system.json')).toContain('RolledBack');
    expect(files.get('events/shop.json')).toContain('forbidden');
  });

  it('goes on when somebody does not answer', async () => {
    const silent: Answering = {
      name: 'a',
      get: () => Promise.reject(new Error('gone')),
      stream: () => Promise.resolve(),
    };
    const mesh: MeshAccess = { controlPlanes: () => Promise.resolve([silent]), proxy: () => Promise.resolve(silent) };
    const path = join(folder, 'report.tar.gz');
    await writeArchive(
      path,
      'report',
      collect(mesh, { proxies: 5 }, () => undefined),
      new Date(0),
    );
    expect(gunzipSync(await readFile(path)).toString('utf8')).toContain('could not be had: gone');
  });
});

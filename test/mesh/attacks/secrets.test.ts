import { execFile } from 'node:child_process';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { weft } from '../../support/demo-process.js';
import { get, SidecarPair } from '../sidecar/pair.js';

/** Of a caller, which no page repeats. */
const CREDENTIAL = 'c2VjcmV0LW9mLWEtY2FsbGVy';
/** They change something, or never end. */
const NOT_ASKED = /^\/(drain|drain_listeners|quitquitquit|reopen_logs|weft\/tap)$/;
const CONTROL_PLANE = [
  '/metrics',
  '/ready',
  '/version',
  '/debug/syncz',
  '/debug/config_dump?proxy=default/shop',
  '/debug/config_dump?proxy=default/client',
  '/debug/workloads',
  '/debug/findings',
  '/debug/ca',
  '/debug/registryz',
  '/debug/bootstrap?workload=default/shop',
  '/spiffe/bundle',
  '/api/graph',
  '/api/describe?node=default/shop',
  '/api/series?node=default/shop',
  '/api/failures',
  '/api/workloads',
  '/api/workloads/default/shop',
];

const pair = new SidecarPair();
beforeAll(async () => {
  await pair.start();
  await pair.run({ send: [get('/x', `Authorization: Bearer ${CREDENTIAL}`, `Cookie: session=${CREDENTIAL}`)] });
});
afterAll(() => pair.dispose());

/**
 * Of every key that the state folder keeps the private number (a P-256 key in PKCS #8 begins with what all have in common, and
 * ends with its public half), of every token the signature.
 */
function secrets(): string[] {
  const files = readdirSync(pair.mesh.state, { recursive: true }).map((name) => join(pair.mesh.state, String(name)));
  const texts = files.filter((path) => statSync(path).isFile()).map((path) => readFileSync(path, 'utf8').trim());
  const keys = texts.flatMap((text) => [...text.matchAll(/-----BEGIN [A-Z ]*PRIVATE KEY-----([^-]+)-----END/g)]);
  const tokens = texts.filter((text) => /^eyJ[\w-]+\.[\w-]+\.[\w-]+$/.test(text));
  const numbers = keys.map(([, body = '']) => body.replace(/\s/g, '').slice(50, 90));
  return [...numbers, ...tokens.map((token) => token.slice(-40))];
}

function expectNothingSecret(text: string): void {
  expect(text).not.toMatch(/PRIVATE KEY-----/);
  expect(text).not.toContain(CREDENTIAL);
  const bare = text.replaceAll('\\n', '').replace(/\s/g, '');
  for (const secret of secrets()) {
    expect(bare).not.toContain(secret);
    expect(bare).not.toContain(Buffer.from(secret).toString('base64').slice(4, -4));
  }
}

describe('no key, no token and no credential', () => {
  it('is overlooked: the state folder has some of each', () => {
    expect(secrets().length).toBeGreaterThanOrEqual(3);
  });

  it.each(['client', 'shop'] as const)('is on a page of the %s’s admin port', async (side) => {
    const help = await pair.admin(side, '/help');
    const paths = [...help.matchAll(/^\s+(\/[\w/]*)/gm)].map(([, path = '']) => path);
    expect(paths).toEqual(expect.arrayContaining(['/config_dump', '/certs', '/weft/edges']));
    for (const path of [...paths, '/config_dump?include_eds', '/clusters?format=json']) {
      if (NOT_ASKED.test(path)) continue;
      const answer = await fetch(
        `http://127.0.0.1:${side === 'client' ? pair.ports.clientAdmin : pair.ports.shopAdmin}${path}`,
      );
      expectNothingSecret(await answer.text());
    }
  });

  it.each(CONTROL_PLANE)('is at %s of the control plane', async (path) => {
    const answer = await fetch(`${pair.mesh.controlPlane().debugUrl}${path}`);
    expect([200, 404]).toContain(answer.status);
    expectNothingSecret(await answer.text());
  });

  it('is in a bug report', async () => {
    const file = join(pair.mesh.folder, 'report.tar.gz');
    await promisify(execFile)(process.execPath, [weft, 'bug-report', '--state', pair.mesh.state, '-f', file]);
    const text = gunzipSync(readFileSync(file)).toString('utf8');
    expect(text).toContain('config_dump');
    expectNothingSecret(text);
  });

  it('is in a log', () => {
    expectNothingSecret(readFileSync(pair.logFile, 'utf8'));
  });
});

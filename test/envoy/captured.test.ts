import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../common/runtime/clock.js';
import { Counters } from '../../common/runtime/counters.js';
import { decodeMessage, encodeMessage } from '../../common/xds/codec.js';
import { type ResourceTypeUrl, TYPE } from '../../common/xds/type-urls.js';
import { nodeOf, runCase } from '../../control-plane/translate/testing/case.js';
import { translate } from '../../control-plane/translate/translate.js';
import { listenerCompilers, routeCompilers, upstreamTlsCompiler } from '../../proxy/compilers.js';
import { compileListener } from '../../proxy/listeners/compile-listener.js';
import { Expressions } from '../../proxy/telemetry/expressions/compile.js';
import { IstioMetrics } from '../../proxy/telemetry/istio-metrics.js';
import { compileCluster } from '../../proxy/upstream/compile-cluster.js';
import { findEnvoy } from '../support/envoy.js';
import { goldenCases } from '../support/golden.js';
import { staticBootstrap } from '../support/static-bootstrap.js';
import { startTlsEcho, type TlsEcho } from '../support/tls-echo.js';

const envoy = findEnvoy();
const cases = goldenCases(new URL('../../control-plane/translate/testdata/', import.meta.url)).filter(
  ({ name }) => name.startsWith('captured-') || name.startsWith('tcp-') || name.startsWith('sidecar-'),
);
const directory = mkdtempSync(join(tmpdir(), 'weft-validate-'));
let tls: TlsEcho;
beforeAll(async () => {
  tls = await startTlsEcho(directory);
});
afterAll(() => {
  tls.close();
  rmSync(directory, { recursive: true, force: true });
});

/** Files that a case only names are there, too. */
function withFiles(input: string): string {
  return input
    .replaceAll('/c/ca.pem', tls.rootFile)
    .replaceAll('/c/cert.pem', tls.clientCertificateFile)
    .replaceAll('/c/key.pem', tls.clientKeyFile);
}

describe.skipIf(envoy === undefined)('a real Envoy accepts', () => {
  it.each(cases)('every listener, route and cluster of $name', ({ name, input }) => {
    const [, workload = 'default/productpage-v1'] = /^# node: (\S+)/m.exec(input) ?? [];
    const { snapshot } = runCase(withFiles(input));
    const resources = translate(snapshot, nodeOf(snapshot, workload, 'envoy'));
    const file = join(directory, `${name}.json`);
    writeFileSync(file, JSON.stringify(staticBootstrap(resources)));
    const ran = spawnSync(envoy ?? '', ['--mode', 'validate', '-c', file, '--log-level', 'error'], {
      encoding: 'utf8',
    });
    expect(ran.status, ran.stderr).toBe(0);
  });
});

describe('our sidecar accepts', () => {
  it.each(cases)('every listener and cluster of $name', ({ input }) => {
    const [, workload = 'default/productpage-v1'] = /^# node: (\S+)/m.exec(input) ?? [];
    const { snapshot } = runCase(withFiles(input));
    const resources = translate(snapshot, nodeOf(snapshot, workload, 'weft'));
    const faults: string[] = [];
    for (const [name, message] of resources.get(TYPE.listener) ?? []) {
      const compiled = compileListener(decoded(TYPE.listener, message), LISTENERS);
      const said = 'errors' in compiled ? compiled.errors : compiled.warnings;
      faults.push(...said.map((fault) => `${name}: ${fault}`));
    }
    for (const [name, message] of resources.get(TYPE.cluster) ?? []) {
      const compiled = compileCluster(decoded(TYPE.cluster, message), { compileTls: upstreamTlsCompiler });
      const said = 'errors' in compiled ? compiled.errors : compiled.warnings;
      faults.push(...said.map((fault) => `${name}: ${fault}`));
    }
    expect(faults.filter((fault) => !EXPECTED.some((pattern) => pattern.test(fault)))).toEqual([]);
  });
});

/** What our sidecar cannot do, and says so. */
const EXPECTED = [/respect_dns_ttl/, /only socket_address is supported/];

function decoded<T extends object>(type: ResourceTypeUrl, message: object): T {
  return decodeMessage<T>(type, encodeMessage(type, message));
}

const ROUTES = routeCompilers({
  clock: systemClock,
  random: Math.random,
  counters: new Counters(),
  serviceCluster: '',
});
const LISTENERS = listenerCompilers(ROUTES, {
  clock: systemClock,
  random: Math.random,
  counters: new Counters(),
  clusters: { get: () => undefined },
  services: undefined as never,
  metrics: new IstioMetrics({} as never, { clock: systemClock, evictionMs: Number.POSITIVE_INFINITY }),
  expressions: new Expressions({}),
  node: { id: '', cluster: '', zone: '', ip: '' },
  peerMetadata: { own: {} as never, trusts: () => false, goesToMesh: () => false },
  compileAccessLog: () => ({ log: () => undefined }),
  routeSource: (rdsName) => ({ rdsName, current: () => undefined }),
});

import { describe, expect, it } from 'vitest';
import { parse, stringify } from 'yaml';
import { messageOf } from '../../common/runtime/errors.js';
import { expectGolden, expectNoStale, goldenCases } from '../../test/support/golden.js';
import { parseBootstrap } from '../bootstrap/read.js';
import { podBootstrap } from './pod-bootstrap.js';
import { type ProxyRole, readPodEnvironment } from './pod-environment.js';

interface Input {
  readonly role: ProxyRole;
  readonly env: Readonly<Record<string, string>>;
  readonly labels?: string;
}

const TESTDATA = new URL('./testdata/', import.meta.url);
const CASES = goldenCases(TESTDATA);

function render({ role, env, labels }: Input): string {
  try {
    const read = (path: string) => (path === '/etc/istio/pod/labels' ? labels : undefined);
    const settings = readPodEnvironment(role, env, {}, read);
    const { drain, ports, warnings } = settings;
    return stringify({ drain, ports, warnings, bootstrap: podBootstrap(settings) });
  } catch (error) {
    return stringify({ errors: messageOf(error).split('\n') });
  }
}

describe('a pod', () => {
  it.each(CASES.map((golden) => [golden.name, golden] as const))('%s', (_name, golden) => {
    expectGolden(golden.outputPath, render(parse(golden.input) as Input));
  });

  it('has no stale golden file', () => expectNoStale(TESTDATA, CASES));

  it('gets a bootstrap that the proxy takes', () => {
    const env = { POD_NAME: 'a', POD_NAMESPACE: 'b', INSTANCE_IP: '10.0.0.1', SERVICE_ACCOUNT: 'c' };
    const settings = readPodEnvironment('sidecar', env, {}, () => undefined);
    const loaded = parseBootstrap(JSON.stringify(podBootstrap(settings)));
    expect(loaded).toMatchObject({
      warnings: [],
      config: {
        node: { id: 'sidecar~10.0.0.1~a.b~b.svc.cluster.local' },
        workload: { namespace: 'b', serviceAccount: 'c', trustDomain: 'cluster.local' },
        ca: { address: 'weft-control-plane.istio-system.svc:15012' },
      },
    });
  });
});

import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { expectGolden, expectNoStale, goldenCases } from '../../test/support/golden.js';
import { restoreScript } from './restore.js';
import { captureRules } from './rules.js';
import { type InitFlags, readFlags } from './settings.js';

const DEFAULTS: InitFlags = {
  envoyPort: '15001',
  inboundCapturePort: '15006',
  proxyUid: '1337',
  proxyGid: '1337',
  istioInboundInterceptionMode: 'REDIRECT',
  istioInboundTproxyMark: '1337',
  istioInboundTproxyRouteTable: '133',
  istioInboundPorts: '*',
  istioLocalExcludePorts: '',
  istioServiceCidr: '*',
  istioServiceExcludeCidr: '',
  istioOutboundPorts: '',
  istioLocalOutboundPortsExclude: '',
  istioExcludeInterfaces: '',
  kubeVirtInterfaces: '',
};

const TESTDATA = new URL('./testdata/', import.meta.url);
const CASES = goldenCases(TESTDATA);

describe('rules', () => {
  it.each(CASES.map((golden) => [golden.name, golden] as const))('%s', (_name, golden) => {
    const { flags, nameServers = [] } = parse(golden.input) as { flags: Partial<InitFlags>; nameServers?: string[] };
    const read = readFlags({ ...DEFAULTS, ...flags }, nameServers);
    const text =
      'errors' in read
        ? read.errors.map((error) => `# ${error}\n`).join('')
        : `# IPv4\n${restoreScript(captureRules(read.settings, 'v4'), '')}# IPv6\n${restoreScript(captureRules(read.settings, 'v6'), '')}`;
    expectGolden(golden.outputPath, text);
  });

  it('has no stale golden file', () => expectNoStale(TESTDATA, CASES));
});

describe('restoreScript', () => {
  it('takes out what an earlier run left in built-in chains, and nothing of others', () => {
    const saved = `*mangle
-A PREROUTING -p tcp -j ISTIO_INBOUND
COMMIT
*nat
:PREROUTING ACCEPT [0:0]
-A PREROUTING -p tcp -j ISTIO_INBOUND
-A PREROUTING -p tcp -j KUBE-SERVICES
-A OUTPUT -j ISTIO_OUTPUT
-A ISTIO_OUTPUT -j ISTIO_REDIRECT
COMMIT
`;
    const table = { name: 'nat', chains: ['ISTIO_OUTPUT'], rules: ['-A ISTIO_OUTPUT -j RETURN'], entries: [] } as const;
    expect(restoreScript([table], saved)).toBe(
      '*nat\n:ISTIO_OUTPUT - [0:0]\n-D PREROUTING -p tcp -j ISTIO_INBOUND\n-D OUTPUT -j ISTIO_OUTPUT\n-A ISTIO_OUTPUT -j RETURN\nCOMMIT\n',
    );
  });
});

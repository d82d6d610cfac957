import { describe, expect, it } from 'vitest';
import { configSet } from '../translate/testing/case.js';
import { buildSnapshot } from './build.js';

interface Written {
  readonly namespace?: string;
  readonly name?: string;
  readonly spec: string;
  readonly created?: string;
}

const WORKLOAD = { namespace: 'shop', labels: { app: 'cart', tier: 'back' } };

/** The decision about a port of the workload: `MODE LEVEL POLICY`. */
function decided(policies: readonly Written[], port: number): string {
  const text = policies
    .map(
      ({ namespace = 'shop', name = 'p', spec, created = '2024-01-01T00:00:00Z' }) => `---
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: ${name}, namespace: ${namespace}, creationTimestamp: "${created}"}
spec: ${spec}
`,
    )
    .join('');
  const { peerAuthentications } = buildSnapshot(configSet(text), new Map());
  const { mode, level, policy } = peerAuthentications.decision(WORKLOAD, port);
  return [mode, level, policy].join(' ').trim();
}

const MODES = ['STRICT', 'PERMISSIVE', 'DISABLE'] as const;
const ROOT = (mode: string): Written => ({ namespace: 'istio-system', spec: `{mtls: {mode: ${mode}}}` });
const SPACE = (mode: string): Written => ({ spec: `{mtls: {mode: ${mode}}}` });
const OWN = (mode: string, ports = ''): Written => ({
  name: 'own',
  spec: `{selector: {matchLabels: {app: cart}}, mtls: {mode: ${mode}}${ports}}`,
});
const PORT = (mode: string): string => `, portLevelMtls: {8080: {mode: ${mode}}}`;

const CASES: readonly [what: string, policies: readonly Written[], decision: string][] = [
  ['nothing', [], 'permissive default'],
  ...MODES.flatMap((mode): [string, Written[], string][] => {
    const said = mode.toLowerCase();
    const other = mode === 'STRICT' ? 'DISABLE' : 'STRICT';
    return [
      [`mesh ${mode}`, [ROOT(mode)], `${said} mesh istio-system/p`],
      [`namespace ${mode} over mesh`, [ROOT(other), SPACE(mode)], `${said} namespace shop/p`],
      [`workload ${mode} over namespace`, [ROOT(other), SPACE(other), OWN(mode)], `${said} workload shop/own`],
      [`port ${mode} over workload`, [SPACE(other), OWN(other, PORT(mode))], `${said} port shop/own`],
      [`UNSET namespace under mesh ${mode}`, [ROOT(mode), SPACE('UNSET')], `${said} mesh istio-system/p`],
      [`UNSET workload under namespace ${mode}`, [SPACE(mode), OWN('UNSET')], `${said} namespace shop/p`],
      [`UNSET port under workload ${mode}`, [OWN(mode, PORT('UNSET'))], `${said} workload shop/own`],
      [
        `all UNSET under mesh ${mode}`,
        [ROOT(mode), SPACE('UNSET'), OWN('UNSET', PORT('UNSET'))],
        `${said} mesh istio-system/p`,
      ],
      [
        `mtls left out under namespace ${mode}`,
        [SPACE(mode), { name: 'own', spec: '{selector: {matchLabels: {app: cart}}}' }],
        `${said} namespace shop/p`,
      ],
    ];
  }),
  ['UNSET everywhere', [ROOT('UNSET'), SPACE('UNSET'), OWN('UNSET')], 'permissive default'],
  ['another port', [OWN('STRICT', ', portLevelMtls: {9090: {mode: DISABLE}}')], 'strict workload shop/own'],
  ['another workload', [{ spec: '{selector: {matchLabels: {app: pay}}, mtls: {mode: STRICT}}' }], 'permissive default'],
  [
    'one label too many',
    [{ spec: '{selector: {matchLabels: {app: cart, tier: front}}, mtls: {mode: STRICT}}' }],
    'permissive default',
  ],
  ['another namespace', [{ namespace: 'other', spec: '{mtls: {mode: STRICT}}' }], 'permissive default'],
  ['another namespace’s selector', [{ ...OWN('STRICT'), namespace: 'other' }], 'permissive default'],
  ['a selector in the root namespace', [{ ...OWN('STRICT'), namespace: 'istio-system' }], 'permissive default'],
  [
    'an empty selector is none',
    [{ spec: '{selector: {matchLabels: {}}, mtls: {mode: STRICT}}' }],
    'strict namespace shop/p',
  ],
  [
    'the oldest of a namespace',
    [
      { ...SPACE('DISABLE'), created: '2024-02-01T00:00:00Z' },
      { ...SPACE('STRICT'), name: 'q' },
    ],
    'strict namespace shop/q',
  ],
  [
    'the oldest, though it is UNSET',
    [ROOT('STRICT'), { ...SPACE('DISABLE'), created: '2024-02-01T00:00:00Z' }, { ...SPACE('UNSET'), name: 'q' }],
    'strict mesh istio-system/p',
  ],
  [
    'the oldest of a workload, with its ports',
    [{ ...OWN('DISABLE', PORT('PERMISSIVE')), created: '2024-02-01T00:00:00Z', name: 'z' }, OWN('STRICT')],
    'strict workload shop/own',
  ],
  ['one that cannot be read', [ROOT('DISABLE'), SPACE('OFTEN')], 'strict unreadable shop/p'],
  [
    'one for others that cannot be read',
    [{ spec: '{selector: {matchLabels: {app: pay}}, mtls: {mode: OFTEN}}' }],
    'permissive default',
  ],
];

describe('PeerAuthentication', () => {
  it.each(CASES)('%s', (_, policies, decision) => {
    expect(decided(policies, 8080)).toBe(decision);
  });
});

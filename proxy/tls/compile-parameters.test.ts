import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { connect, createSecureContext, createServer } from 'node:tls';
import { describe, expect, test } from 'vitest';
import type { TlsParameters__Output } from '../../proto/gen/envoy/extensions/transport_sockets/tls/v3/TlsParameters.js';
import { Issues } from '../snapshot/issues.js';
import { compileParameters } from './compile-parameters.js';
import { TestCa } from './testing.js';

const compile = (params: Partial<TlsParameters__Output>) => {
  const issues = new Issues();
  return { ...compileParameters(params as TlsParameters__Output, issues), issues };
};

describe('key exchange groups', () => {
  test.each([
    [[], 'X25519:P-256', [], []],
    [['P-384', 'P-256'], 'P-384:P-256', [], []],
    [['P-256', 'X448'], 'P-256', [], ['ecdh_curves: not known here: X448']],
    [['X448'], '', ['ecdh_curves: none of X448 is known here'], []],
  ])('%j', (ecdh_curves, expected, errors, warnings) => {
    const { groups, issues } = compile({ ecdh_curves });
    expect(groups).toBe(expected);
    expect(issues.errors).toEqual(errors);
    expect(issues.warnings).toEqual(warnings);
  });

  test('the hybrid one where OpenSSL has it', () => {
    const { groups } = compile({ ecdh_curves: ['X25519MLKEM768', 'X25519'] });
    expect(() => createSecureContext({ ecdhCurve: groups })).not.toThrow();
  });
});

test('two sidecars agree on what BoringSSL takes first', async () => {
  const { ciphers, groups } = compile({});
  const { certificateChain: cert, privateKey: key } = new TestCa().issue('spiffe://cluster.local/ns/a/sa/b');
  const parameters = { ciphers, ecdhCurve: groups };
  const server = createServer({ cert, key, ...parameters }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const socket = connect({ port, host: '127.0.0.1', rejectUnauthorized: false, ...parameters });
  await once(socket, 'secureConnect');
  expect(socket.getCipher().name).toBe('TLS_AES_128_GCM_SHA256');
  expect(socket.getEphemeralKeyInfo()).toMatchObject({ name: 'X25519' });
  socket.destroy();
  server.close();
});

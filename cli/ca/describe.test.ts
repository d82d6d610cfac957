import { describe, expect, it } from 'vitest';
import type { CaReport, CertificateReport } from '../../control-plane/ca/report.js';
import { endingSoon } from './describe.js';

const NOW = Date.parse('2030-01-01T00:00:00Z');

function certificate(subject: string, days: number, signs: boolean): CertificateReport {
  const notAfter = new Date(NOW + days * 86_400_000).toISOString();
  return { subject, sha256: '00', key: 'EC', notBefore: '2020-01-01T00:00:00.000Z', notAfter, signs };
}

function report(of: Partial<CaReport>): CaReport {
  const root = certificate('CN=root', 400, true);
  return { source: 'here', signer: root, intermediates: [], roots: [root], proxies: [], ...of };
}

describe('what ends soon', () => {
  it('is nothing while everything lives long', () => {
    const intermediates = [certificate('CN=middle', 15, true)];
    expect(endingSoon(report({ intermediates }), NOW)).toEqual([]);
  });

  it.each([
    ['a root of our own', { roots: [certificate('CN=a', 29, true)] }, /^the root CN=a ends: .*weft ca rotate-root$/],
    ['a root that is over', { roots: [certificate('CN=a', -1, true)] }, /\(over\)/],
    ['a root that somebody brought', { roots: [certificate('CN=a', 29, false)] }, /bring its successor/],
    ['an intermediate', { intermediates: [certificate('CN=b', 13, true)] }, /^the intermediate certificate CN=b ends/],
  ])('is %s', (_what, of, expected) => {
    expect(endingSoon(report(of), NOW)).toEqual([expect.stringMatching(expected)]);
  });
});

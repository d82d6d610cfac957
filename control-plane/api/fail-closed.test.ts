import { describe, expect, it } from 'vitest';
import { validate } from './testing/validate.js';

const route = (fields: string): string =>
  `{ hosts: [a], http: [{ route: [{ destination: { host: a } }], ${fields} }] }`;
const rule = (fields: string): string => `{ rules: [{ ${fields} }] }`;

describe('what fails closed', () => {
  it.each([
    ['an unknown field', '{ urii: { exact: a } }', [{ unknownMatch: true }]],
    ['an unknown way to match', '{ uri: { suffix: a } }', [{ uri: {}, unknownMatch: true }]],
    ['a key that only validation may set', '{ unknownMatch: false }', [{ unknownMatch: true }]],
    [
      'a condition that changes nothing',
      '{ ignoreUriCase: false, uri: { exact: a } }',
      [{ ignoreUriCase: false, uri: { exact: 'a' } }],
    ],
    ['a field without influence on matching', '{ statPrefix: a }', [{ statPrefix: 'a' }]],
  ])('an HTTP match with %s', (_, written, expected) => {
    expect(validate('VirtualService', route(`match: [${written}]`)).spec).toMatchObject({
      http: [{ match: expected }],
    });
  });

  it('an HTTP route whose match is mistyped', () => {
    expect(validate('VirtualService', route('mtach: []')).spec).toMatchObject({
      http: [{ match: [{ unknownMatch: true }] }],
    });
  });

  it.each([
    ['an unknown field', 'form: []', { unknownMatch: true }],
    [
      'an unknown field of a source',
      'from: [{ source: { principal: [a], namespaces: [b] } }]',
      { from: [{ source: { namespaces: ['b'] } }], unknownMatch: true },
    ],
    [
      'an unknown condition',
      'when: [{ key: source.mood, values: [a] }, { key: source.ip, values: [1.2.3.4] }]',
      { when: [{ key: 'source.ip', values: ['1.2.3.4'] }], unknownMatch: true },
    ],
    ['a claim without a name', 'when: [{ key: request.auth.claims, values: [b] }]', { when: [], unknownMatch: true }],
    [
      'conditions with names',
      'when: [{ key: "request.auth.claims[a][b.c]", values: [d] }, { key: "experimental.envoy.filters.x[y]", values: [z] }]',
      {
        when: [
          { key: 'request.auth.claims[a][b.c]', values: ['d'] },
          { key: 'experimental.envoy.filters.x[y]', values: ['z'] },
        ],
      },
    ],
    [
      'a path template',
      'to: [{ operation: { paths: ["/a/{*}/{**}"] } }]',
      { to: [{ operation: { paths: ['/a/{*}/{**}'] } }] },
    ],
    [
      'all that is known',
      'when: [{ key: "request.headers[a]", notValues: [b] }]',
      { when: [{ key: 'request.headers[a]', notValues: ['b'] }] },
    ],
  ])('an authorization rule with %s', (_, written, expected) => {
    expect(validate('AuthorizationPolicy', rule(written)).spec).toEqual({ rules: [expected] });
  });

  it.each([
    ['to: [{ operation: { paths: ["/a/{**}/{*}"] } }]', /last operator/],
    ['to: [{ operation: { paths: ["/a/x{*}"] } }]', /alone between slashes/],
    ['to: [{ operation: { paths: ["/{id}"] } }]', /alone between slashes/],
    ['to: [{ operation: { paths: ["/{*}/a*b"] } }]', /must not stand/],
    ['from: [{ source: { serviceAccounts: ["a/b/c"] } }]', /ACCOUNT or NAMESPACE/],
    ['from: [{ source: { serviceAccounts: ["a*"] } }]', /ACCOUNT or NAMESPACE/],
    ['from: [{ source: { trustDomains: ["a*b"] } }]', /trust domain/],
    ['when: [{ key: source.trustDomain, values: ["td/ns"] }]', /trust domain/],
    ['when: [{ key: source.serviceAccount, values: [""] }]', /ACCOUNT or NAMESPACE/],
  ])('refuses %s', (written, message) => {
    const { spec, findings } = validate('AuthorizationPolicy', rule(written));
    expect(spec).toBeUndefined();
    expect(findings.join()).toMatch(message);
  });

  it('marks only the rule that it is about', () => {
    const { spec } = validate(
      'AuthorizationPolicy',
      '{ rules: [{ form: [] }, { to: [{ operation: { methods: [GET] } }] }] }',
    );
    expect(spec).toEqual({ rules: [{ unknownMatch: true }, { to: [{ operation: { methods: ['GET'] } }] }] });
  });

  it('says that CUSTOM without a provider denies', () => {
    const { spec, findings } = validate('AuthorizationPolicy', '{ action: CUSTOM, rules: [{}] }');
    expect(spec).toEqual({ action: 'CUSTOM', rules: [{}] });
    expect(findings).toEqual([expect.stringMatching(/spec\.provider: names nobody: .* are denied/)]);
  });
});

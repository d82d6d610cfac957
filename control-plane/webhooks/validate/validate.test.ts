import { describe, expect, it } from 'vitest';
import { type ConfigObject, type ObjectKey, type Origin, objectKey } from '../../api/object.js';
import { parseObject } from '../../api/parse-object.js';
import type { ConfigSet } from '../../sources/source.js';
import { validateObject } from './validate.js';

const NOWHERE: Origin = { file: '', line: 0, lineOf: () => 0 };

type Fields = Readonly<Record<string, unknown>>;

const istio = (kind: string, name: string, spec: Fields, namespace = 'apps'): object => ({
  apiVersion: 'networking.istio.io/v1',
  kind,
  metadata: { name, namespace },
  spec,
});

function setOf(...documents: readonly object[]): ConfigSet {
  const objects = new Map<ObjectKey, ConfigObject>();
  for (const document of documents) {
    const { object, findings } = parseObject(document, NOWHERE);
    if (object === undefined) throw new Error(JSON.stringify(findings));
    objects.set(objectKey(object.kind, object.metadata.namespace, object.metadata.name), object);
  }
  return { objects, findings: [], unreadablePolicies: [] };
}

const service = {
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name: 'reviews', namespace: 'apps' },
  spec: { selector: { app: 'reviews' }, ports: [{ name: 'http', port: 80 }] },
};
const route = (host: string, more: Fields = {}): Fields => ({
  hosts: [host],
  http: [{ route: [{ destination: { host, ...more } }] }],
});

describe('validation', () => {
  it('lets good objects pass, whatever stood there before', () => {
    const before = istio('VirtualService', 'v', route('nowhere'));
    expect(validateObject(istio('VirtualService', 'v', route('reviews')), setOf(service, before))).toEqual({
      faults: [],
      warnings: [],
    });
  });

  it('warns of what is not there', () => {
    const { faults, warnings } = validateObject(istio('VirtualService', 'v', route('nowhere')), setOf(service));
    expect(faults).toEqual([]);
    expect(warnings).toEqual([expect.stringMatching(/^spec\.http\[0\]\.route\[0\]\.destination\.host: .*nowhere/)]);
  });

  it('finds a delegate in another namespace', () => {
    const delegate = istio('VirtualService', 'd', { http: [{ route: [{ destination: { host: 'x' } }] }] }, 'other');
    const root = istio('VirtualService', 'v', {
      hosts: ['reviews'],
      http: [{ match: [{ uri: { prefix: '/' } }], delegate: { name: 'd', namespace: 'other' } }],
    });
    expect(validateObject(root, setOf(service, delegate)).warnings).toEqual([]);
    expect(validateObject(root, setOf(service)).warnings).toEqual([expect.stringContaining('delegate')]);
  });

  it.each<[string, object, RegExp]>([
    ['range', istio('VirtualService', 'v', { hosts: ['a'], http: [{ timeout: 'soon', route: [] }] }), /timeout/],
    [
      'regular expression',
      istio('VirtualService', 'v', {
        hosts: ['a'],
        http: [{ match: [{ uri: { regex: '(' } }], route: [{ destination: { host: 'a' } }] }],
      }),
      /spec\.http\[0\]\.match\[0\]\.uri\.regex/,
    ],
    [
      'contradiction',
      istio('VirtualService', 'v', {
        hosts: ['a'],
        http: [{ redirect: { uri: '/' }, route: [{ destination: { host: 'a' } }] }],
      }),
      /exactly one of/,
    ],
  ])('refuses a fault: %s', (_what, object, fault) => {
    expect(validateObject(object, setOf(service)).faults).toContainEqual(expect.stringMatching(fault));
  });

  it('tells that a kind is not acted on', () => {
    const { faults, warnings } = validateObject(
      { ...istio('WasmPlugin', 'e', {}), apiVersion: 'extensions.istio.io/v1alpha1' },
      undefined,
    );
    expect(faults).toEqual([]);
    expect(warnings).toEqual([expect.stringContaining('WasmPlugin')]);
  });
});

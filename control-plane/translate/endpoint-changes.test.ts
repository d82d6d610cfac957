import { describe, expect, it } from 'vitest';
import { TYPE } from '../../common/xds/type-urls.js';
import { type ConfigObject, type ObjectKey, objectKey } from '../api/object.js';
import { buildSnapshot } from '../model/build.js';
import type { MeshSnapshot } from '../model/snapshot.js';
import { capturedPods } from '../sources/kubernetes/capture-allotter.js';
import type { ConfigSet } from '../sources/source.js';
import { configSet, nodeOf } from './testing/case.js';
import { translate } from './translate.js';

const pod = (name: string, app: string, ip: string, ready = 'True') => `---
apiVersion: v1
kind: Pod
metadata: {name: ${name}, namespace: default, labels: {app: ${app}}, annotations: {sidecar.istio.io/status: "{}"}}
spec: {serviceAccountName: ${app}, containers: [{name: app, ports: [{containerPort: 8080}]}]}
status: {podIP: ${ip}, conditions: [{type: Ready, status: "${ready}"}]}
`;
const service = (name: string, address: string) => `---
apiVersion: v1
kind: Service
metadata: {name: ${name}, namespace: default}
spec: {clusterIP: ${address}, selector: {app: ${name}}, ports: [{name: http, port: 80, targetPort: 8080}]}
`;
const rule = `---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: a, namespace: default}
spec: {host: a, trafficPolicy: {loadBalancer: {simple: RANDOM}}, subsets: [{name: v1, labels: {app: a}}]}
`;
const route = (namespace: string, exportTo: string, seconds: number) => `---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: a, namespace: ${namespace}}
spec: {hosts: [a.default.svc.cluster.local], exportTo: ["${exportTo}"], http: [{timeout: ${seconds}s, route: [{destination: {host: a.default.svc.cluster.local}}]}]}
`;

const BASE = [
  service('a', '10.96.0.1'),
  service('b', '10.96.0.2'),
  service('headless', 'None'),
  pod('client', 'client', '10.0.0.9'),
  pod('a-1', 'a', '10.0.0.1'),
  pod('b-1', 'b', '10.0.0.2'),
  pod('h-1', 'headless', '10.0.0.3'),
  rule,
  route('default', '.', 1),
  route('other', '.', 1),
].join('');

/** The set with other objects in place of some, the rest being the same objects. */
function changed(set: ConfigSet, text: string, gone: readonly ObjectKey[] = []): ConfigSet {
  const objects = new Map<ObjectKey, ConfigObject>([...set.objects, ...configSet(text).objects]);
  for (const key of gone) objects.delete(key);
  return { ...set, objects };
}

function resources(snapshot: MeshSnapshot, key = 'default/client') {
  // Whether a map has layers is no difference.
  const made = translate(snapshot, nodeOf(snapshot, key, 'weft'));
  return new Map([...made].map(([type, messages]) => [type, new Map(messages)]));
}

const first = configSet(BASE);
const allotted = (set: ConfigSet, previous?: MeshSnapshot) => buildSnapshot(set, capturedPods(set), previous);

describe('after a change, a proxy gets what a fresh start would give it', () => {
  it.each<[string, ConfigSet, boolean]>([
    ['nothing', { ...first, objects: new Map(first.objects) }, true],
    ['a pod that is not ready any more', changed(first, pod('a-1', 'a', '10.0.0.1', 'False')), true],
    ['a pod more', changed(first, pod('a-2', 'a', '10.0.0.7')), true],
    ['a pod less', changed(first, '', [objectKey('Pod', 'default', 'a-1')]), true],
    ['a pod at another address', changed(first, pod('b-1', 'b', '10.0.0.8')), true],
    [
      'a pod of another account',
      changed(first, pod('b-1', 'b', '10.0.0.2').replace('serviceAccountName: b', 'serviceAccountName: c')),
      true,
    ],
    ['a pod of a headless service', changed(first, pod('h-2', 'headless', '10.0.0.6')), true],
    ['another service', changed(first, service('c', '10.96.0.3')), false],
    ['other routes', changed(first, route('default', '.', 2)), false],
    ['routes that others see too', changed(first, route('other', '*', 1)), false],
    ['no routes any more', changed(first, '', [objectKey('VirtualService', 'default', 'a')]), false],
    ['other routes and a pod more', changed(first, route('default', '.', 2) + pod('a-2', 'a', '10.0.0.7')), false],
    ['another rule', changed(first, rule.replace('RANDOM', 'ROUND_ROBIN')), false],
  ])('%s', (_, set, sameShape) => {
    const before = allotted(first);
    // What is made for the first must not get into what is made for the second.
    for (const key of before.workloads.keys()) resources(before, key);
    const after = allotted(set, before);
    expect(after.shape === before.shape).toBe(sameShape);
    const anew = allotted(set);
    expect(anew.shape).not.toBe(after.shape);
    for (const key of after.workloads.keys()) expect(resources(after, key)).toEqual(resources(anew, key));
  });
});

it('makes nothing anew for a change of endpoints but what belongs to them', () => {
  const before = allotted(first);
  const had = resources(before);
  const after = allotted(changed(first, pod('a-2', 'a', '10.0.0.7')), before);
  const has = resources(after);
  const kept = (type: keyof typeof TYPE): string[] =>
    [...(has.get(TYPE[type]) ?? [])]
      .filter(([name, message]) => had.get(TYPE[type])?.get(name) !== message)
      .map(([name]) => name);
  expect(kept('endpoint')).toEqual([
    'outbound|80||a.default.svc.cluster.local',
    'outbound|80|v1|a.default.svc.cluster.local',
  ]);
  expect(kept('cluster')).toEqual([
    'outbound|80||a.default.svc.cluster.local',
    'outbound|80|v1|a.default.svc.cluster.local',
  ]);
  expect(kept('listener')).toEqual([]);
  expect(kept('route')).toEqual([]);
});

it('makes nothing anew for routes that a proxy does not see', () => {
  const before = allotted(first);
  const had = translate(before, nodeOf(before, 'default/client', 'weft'));
  const after = allotted(changed(first, route('other', '.', 2)), before);
  expect(after.shape).not.toBe(before.shape);
  const has = translate(after, nodeOf(after, 'default/client', 'weft'));
  for (const [type, messages] of has) {
    for (const [name, message] of messages) expect(had.get(type)?.get(name), name).toBe(message);
  }
});

import { describe, expect, it } from 'vitest';
import type { Random } from '../../common/runtime/clock.js';
import { seededRandom } from '../../common/runtime/testing.js';
import { type ConfigObject, type ObjectKey, objectKey } from '../api/object.js';
import { ObjectsByKind, type SortedObjects } from '../api/objects-by-kind.js';
import { SortedMap } from '../sorted-map.js';
import { CaptureAllotter, capturedPods } from '../sources/kubernetes/capture-allotter.js';
import { SecretReferences } from '../sources/kubernetes/secret-references.js';
import type { ConfigSet } from '../sources/source.js';
import { configSet, nodeOf } from '../translate/testing/case.js';
import { translate } from '../translate/translate.js';
import { buildSnapshot } from './build.js';
import type { MeshSnapshot } from './snapshot.js';

const NAMESPACES = ['one', 'two'];
const APPS = ['a', 'b', 'c'];

/** An object of a few that there may be, as one of the things that may be said about it; undefined for its end. */
function anyObject(random: Random): { readonly key: ObjectKey; readonly text: string | undefined } {
  const one = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)] as T;
  const maybe = (text: string, chance = 0.5): string => (random() < chance ? text : '');
  const namespace = one(NAMESPACES);
  const app = one(APPS);
  const number = Math.floor(random() * 3);
  const pod = `${app}-${number}`;
  const ip = (): string => `10.0.${Math.floor(random() * 2)}.${Math.floor(random() * 5)}`;
  const kinds: Readonly<Record<string, () => [name: string, body: string]>> = {
    Pod: () => [
      pod,
      `metadata: {name: ${pod}, namespace: ${namespace}, labels: {app: ${one([app, ...APPS])}, version: v${number}}${maybe(', annotations: {sidecar.istio.io/status: "{}"}', 0.8)}}
spec: {serviceAccountName: ${app}, nodeName: node-${number}, ${maybe('hostNetwork: true, ', 0.1)}containers: [{name: app, ports: [{containerPort: 8080, name: http}]}]}
status: {podIP: ${ip()}, conditions: [{type: Ready, status: "${random() < 0.8 ? 'True' : 'False'}"}]}`,
    ],
    EndpointSlice: () => {
      const places = Array.from({ length: Math.floor(random() * 3) }, (_, i) => {
        const target = `targetRef: {kind: Pod, namespace: ${namespace}, name: ${app}-${i}}`;
        return `{addresses: [${ip()}], nodeName: node-${i}, conditions: {ready: ${random() < 0.9}}${maybe(`, ${target}`, 0.7)}}`;
      });
      return [
        `${app}-x${number}`,
        `metadata: {name: ${app}-x${number}, namespace: ${namespace}, labels: {kubernetes.io/service-name: ${one([app, ...APPS])}}}
addressType: IPv4
endpoints: [${places.join(', ')}]
ports: [{name: http, port: 8080}]`,
      ];
    },
    Service: () => [
      app,
      `metadata: {name: ${app}, namespace: ${namespace}}
spec: ${one([
        `{clusterIP: 10.96.0.${number}, selector: {app: ${app}}, ports: [{name: http, port: 80, targetPort: 8080}]}`,
        `{clusterIP: None, selector: {app: ${app}, version: v${number}}, ports: [{name: http, port: 80, targetPort: 8080}]}`,
        `{clusterIP: 10.96.0.${number}, ports: [{name: http, port: 80, targetPort: 8080}]}`,
        `{type: ExternalName, externalName: ${one(APPS)}.${one(NAMESPACES)}.svc.cluster.local, ports: [{name: http, port: 80}]}`,
      ])}`,
    ],
    ServiceEntry: () => [
      app,
      `metadata: {name: ${app}, namespace: ${namespace}}
spec: {hosts: [${app}.example.com, ${one(APPS)}.example.org], location: MESH_INTERNAL, resolution: STATIC, ports: [{number: 80, name: http, protocol: HTTP}], ${one(
        [
          `workloadSelector: {labels: {app: ${app}}}`,
          'workloadSelector: {labels: {version: v1}}',
          'endpoints: [{address: 1.2.3.4}]',
        ],
      )}}`,
    ],
    WorkloadEntry: () => [
      pod,
      `metadata: {name: ${pod}, namespace: ${namespace}${maybe(', annotations: {istio.io/autoRegistrationGroup: g}')}}
spec: {address: ${ip()}, labels: {app: ${app}}, ports: {http: 8080}}`,
    ],
    Node: () => [
      `node-${number}`,
      `metadata: {name: node-${number}, labels: {topology.kubernetes.io/region: r${one([1, 2])}}}`,
    ],
    VirtualService: () => [
      app,
      `metadata: {name: ${app}, namespace: ${namespace}}
spec: {hosts: [${app}], http: [{timeout: ${number + 1}s, route: [{destination: {host: ${one(APPS)}}}]}]}`,
    ],
    DestinationRule: () => [
      app,
      `metadata: {name: ${app}, namespace: ${namespace}}
spec: {host: ${app}, trafficPolicy: {loadBalancer: {simple: ${one(['RANDOM', 'ROUND_ROBIN'])}}}, subsets: [{name: v1, labels: {version: v1}}]}`,
    ],
    Gateway: () => [
      app,
      `metadata: {name: ${app}, namespace: ${namespace}}
spec: {selector: {app: ${app}}, servers: [{hosts: ["*"], port: {number: 443, name: https, protocol: HTTPS}, tls: {mode: SIMPLE, credentialName: own-${number}}}]}`,
    ],
  };
  const kind = one(['Pod', 'Pod', 'Pod', 'EndpointSlice', 'EndpointSlice', 'EndpointSlice', ...Object.keys(kinds)]);
  const [name, body] = kinds[kind]?.() ?? ['', ''];
  const group: Readonly<Record<string, string>> = {
    Pod: 'v1',
    Service: 'v1',
    Node: 'v1',
    EndpointSlice: 'discovery.k8s.io/v1',
  };
  const text = `apiVersion: ${group[kind] ?? 'networking.istio.io/v1'}\nkind: ${kind}\n${body}\n`;
  const placed = kind === 'Node' ? 'default' : namespace;
  return { key: objectKey(kind, placed, name), text: random() < 0.25 ? undefined : text };
}

/** Everything of a snapshot that others see, in its order. */
function plain({ services, workloads, servicesOf }: MeshSnapshot): unknown {
  return { services, workloads: [...workloads], servicesOf: [...servicesOf] };
}

function translated(snapshot: MeshSnapshot): unknown {
  return [...snapshot.workloads.keys()].slice(0, 3).map((key) => {
    const made = translate(snapshot, nodeOf(snapshot, key, 'weft'));
    return [...made].map(([type, messages]) => [type, new Map(messages)]);
  });
}

const read = new Map<string, ConfigObject>();

/** The same text is the same object, as in a store. */
function objectOf(text: string): ConfigObject {
  const known = read.get(text);
  if (known !== undefined) return known;
  const [object] = configSet(text).objects.values();
  if (object === undefined) throw new Error(`cannot be read: ${text}`);
  read.set(text, object);
  return object;
}

const NOTHING: ConfigSet = { objects: new Map(), findings: [], unreadablePolicies: [] };

describe('after any changes a mesh is what a fresh start would make of it', () => {
  it.each([1, 2, 3, 4, 5, 6])('in an order of their own (seed %i)', async (seed) => {
    const random = seededRandom(seed);
    const allotter = new CaptureAllotter();
    const references = new SecretReferences();
    let kinds = new Map<string, SortedObjects>();
    let snapshot: MeshSnapshot | undefined;
    for (let i = 0; i < 60; i++) {
      for (let count = 1 + Math.floor(random() * 3); count > 0; count--) {
        const { key, text } = anyObject(random);
        const kind = key.slice(0, key.indexOf('/'));
        const before: SortedObjects = kinds.get(kind) ?? SortedMap.from([]);
        kinds = new Map(kinds).set(kind, before.changed(key, text === undefined ? undefined : objectOf(text)));
      }
      const set = { ...NOTHING, objects: new ObjectsByKind(kinds) };
      const allotments = await allotter.update(set);
      expect([...allotments]).toEqual([...capturedPods(set)].sort(([a], [b]) => (a < b ? -1 : 1)));
      snapshot = buildSnapshot(set, allotments, snapshot);
      const anew = buildSnapshot({ ...set, objects: new Map([...set.objects]) }, capturedPods(set));
      expect(plain(snapshot)).toEqual(plain(anew));
      expect(translated(snapshot)).toEqual(translated(anew));
      expect(references.of(set.objects, 'istio-system')).toEqual(
        new SecretReferences().of(set.objects, 'istio-system'),
      );
    }
  });

  it.each([7, 8])('in maps that know nothing of what changed (seed %i)', (seed) => {
    const random = seededRandom(seed);
    const objects = new Map<ObjectKey, ConfigObject>();
    let snapshot: MeshSnapshot | undefined;
    for (let i = 0; i < 60; i++) {
      const { key, text } = anyObject(random);
      if (text === undefined) objects.delete(key);
      else objects.set(key, objectOf(text));
      const set = { ...NOTHING, objects: new Map(objects) };
      snapshot = buildSnapshot(set, capturedPods(set), snapshot);
      expect(plain(snapshot)).toEqual(plain(buildSnapshot(set, capturedPods(set))));
    }
  });
});

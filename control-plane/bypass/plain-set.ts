import type { ConfigMapSpec } from '../api/kinds/core.js';
import type { DestinationRuleSpec, PortTrafficPolicy, TrafficPolicy } from '../api/kinds/destination-rule.js';
import { ROOT_NAMESPACE } from '../api/kinds/index.js';
import { type ConfigObject, type ObjectKey, objectKey } from '../api/object.js';
import type { ConfigSet } from '../sources/source.js';

/** Whatever routes, delays, fails, refuses, retries or changes a request. */
const LEFT_OUT: ReadonlySet<string> = new Set([
  'VirtualService',
  'TrafficSplit',
  'AuthorizationPolicy',
  'RequestAuthentication',
  'EnvoyFilter',
]);

/**
 * The configuration of a sidecar that only passes on: services and their endpoints, mTLS as PeerAuthentication has it, TLS that
 * DestinationRules begin. Sidecar objects stay, since applications connect to the listeners that they open.
 */
export function plainSet(set: ConfigSet): ConfigSet {
  const objects = new Map<ObjectKey, ConfigObject>();
  for (const [key, object] of set.objects) {
    if (LEFT_OUT.has(object.kind)) continue;
    objects.set(key, object.kind === 'DestinationRule' ? onlyTls(object as ConfigObject<DestinationRuleSpec>) : object);
  }
  const { rootNamespace = ROOT_NAMESPACE } = set;
  const settings = objectKey('ConfigMap', rootNamespace, 'istio');
  objects.set(settings, plainSettings(objects.get(settings) as ConfigObject<ConfigMapSpec> | undefined, rootNamespace));
  const unreadablePolicies = set.unreadablePolicies.filter(({ kind }) => kind === 'PeerAuthentication');
  return { ...set, objects, unreadablePolicies };
}

const stripped = new WeakMap<ConfigObject, ConfigObject>();

/** The same object for the same object, so that it is seen that nothing has changed. */
function once(object: ConfigObject, make: () => ConfigObject): ConfigObject {
  let made = stripped.get(object);
  if (made === undefined) {
    made = make();
    stripped.set(object, made);
  }
  return made;
}

function onlyTls(object: ConfigObject<DestinationRuleSpec>): ConfigObject {
  return once(object, () => {
    const { host, exportTo, trafficPolicy } = object.spec;
    const policy = tlsOf(trafficPolicy);
    const spec: DestinationRuleSpec = {
      host,
      ...(exportTo !== undefined && { exportTo }),
      ...(policy !== undefined && { trafficPolicy: policy }),
    };
    return { ...object, spec };
  });
}

function tlsOf(policy: TrafficPolicy | undefined): TrafficPolicy | undefined {
  if (policy === undefined) return undefined;
  const ports = policy.portLevelSettings?.map(
    ({ port, tls }): PortTrafficPolicy => ({ ...(port !== undefined && { port }), ...(tls !== undefined && { tls }) }),
  );
  return {
    ...(policy.tls !== undefined && { tls: policy.tls }),
    ...(ports !== undefined && { portLevelSettings: ports }),
  };
}

const NO_SETTINGS: ConfigObject = {
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name: 'istio', namespace: '', labels: {}, annotations: {}, creationTimestamp: '', generation: 0 },
  spec: { data: {} },
  origin: undefined,
};

function plainSettings(object: ConfigObject<ConfigMapSpec> | undefined, namespace: string): ConfigObject {
  return once(object ?? NO_SETTINGS, () => {
    const base = object ?? { ...NO_SETTINGS, metadata: { ...NO_SETTINGS.metadata, namespace } };
    const { mesh } = base.spec as ConfigMapSpec;
    const plain: NonNullable<ConfigMapSpec['mesh']> = {
      ...mesh,
      defaultHttpRetryPolicy: { attempts: 0 },
      outboundTrafficPolicy: { mode: 'ALLOW_ANY' },
    };
    return { ...base, spec: { ...(base.spec as ConfigMapSpec), mesh: plain } };
  });
}

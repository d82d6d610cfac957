import { parse } from 'yaml';
import { parseObject } from '../parse-object.js';

const GROUPS: Record<string, string> = {
  AuthorizationPolicy: 'security.istio.io/v1',
  PeerAuthentication: 'security.istio.io/v1',
  RequestAuthentication: 'security.istio.io/v1',
  Telemetry: 'telemetry.istio.io/v1',
  TrafficSplit: 'split.smi-spec.io/v1alpha4',
  Service: 'v1',
  Pod: 'v1',
  ConfigMap: 'v1',
};

/** Validates a spec; gives it and the findings, without their place. For tests. */
export function validate(kind: string, spec: string): { readonly spec: unknown; readonly findings: string[] } {
  const value = {
    apiVersion: GROUPS[kind] ?? 'networking.istio.io/v1',
    kind,
    metadata: { name: 'x' },
    spec: parse(spec),
  };
  const { object, findings } = parseObject(value, { file: 'a.yaml', line: 1, lineOf: () => 1 });
  return { spec: object?.spec, findings: findings.map(({ code, field, message }) => `${code} ${field}: ${message}`) };
}

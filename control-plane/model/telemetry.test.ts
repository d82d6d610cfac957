import { describe, expect, it } from 'vitest';
import type { TelemetrySpec } from '../api/kinds/telemetry.js';
import type { ConfigObject } from '../api/object.js';
import { meshSettings } from './mesh-settings.js';
import { Telemetries } from './telemetry.js';

const telemetry = (namespace: string, provider: string, spec: TelemetrySpec): ConfigObject<TelemetrySpec> => ({
  apiVersion: 'telemetry.istio.io/v1',
  kind: 'Telemetry',
  metadata: { namespace, name: provider, labels: {}, annotations: {}, creationTimestamp: '', generation: 1 },
  spec: { ...spec, accessLogging: [{ providers: [{ name: provider }] }] },
  origin: undefined,
});

const GATEWAY = { group: 'gateway.networking.k8s.io', kind: 'Gateway', name: 'front' };
const telemetries = new Telemetries(
  [
    telemetry('istio-system', 'everywhere', {}),
    telemetry('shop', 'namespace', {}),
    telemetry('shop', 'labels', { selector: { matchLabels: { app: 'cart' } } }),
    telemetry('shop', 'gateway', { targetRefs: [GATEWAY] }),
    telemetry('shop', 'waypoint', { targetRef: { group: '', kind: 'Service', name: 'cart' } }),
  ],
  meshSettings({}, 'istio-system'),
);

describe('Telemetry', () => {
  it.each([
    ['another namespace', 'other', {}, 'everywhere'],
    ['its namespace', 'shop', { app: 'web' }, 'namespace'],
    ['labels', 'shop', { app: 'cart' }, 'labels'],
    ['the gateway that it names', 'shop', { 'gateway.networking.k8s.io/gateway-name': 'front' }, 'gateway'],
    ['a gateway of another name', 'shop', { 'gateway.networking.k8s.io/gateway-name': 'back' }, 'namespace'],
    ['a gateway of another namespace', 'other', { 'gateway.networking.k8s.io/gateway-name': 'front' }, 'everywhere'],
  ])('is for %s', (_what, namespace, labels, provider) => {
    expect(telemetries.accessLogs({ namespace, labels }, 'CLIENT')).toEqual([{ provider, filter: undefined }]);
  });
});

import type { InstallValues } from '../values.js';

/** One Kubernetes object, as it is printed. */
export type Manifest = Readonly<Record<string, unknown>> & { readonly kind: string };

export const CONTROL_PLANE = 'weft-control-plane';

/** Ports as the design has them: xDS and CA over TLS, metrics and debug, webhooks. */
export const PORTS = { xds: 15012, monitoring: 15014, webhooks: 15017 } as const;

export function labels(component: string): Record<string, string> {
  return { 'app.kubernetes.io/name': component, 'app.kubernetes.io/part-of': 'weft' };
}

export function imageOf(values: InstallValues, name: 'weft-proxy' | 'weft-control'): string {
  return `${values.image.hub}/${name}:${values.image.tag}`;
}

/** What pod security `restricted` asks of a container. */
export const RESTRICTED = {
  allowPrivilegeEscalation: false,
  capabilities: { drop: ['ALL'] },
  privileged: false,
  readOnlyRootFilesystem: true,
  runAsNonRoot: true,
  seccompProfile: { type: 'RuntimeDefault' },
} as const;

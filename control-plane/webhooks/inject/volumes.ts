import type { V1Pod, V1Volume, V1VolumeMount } from '@kubernetes/client-node';
import { readYaml } from '../../api/read-yaml.js';
import { isMapping } from '../../api/schema/schema.js';
import type { InjectionConfig } from './config.js';

/** Lifetime that is asked of tokens; the kubelet renews them in time. */
const TOKEN_SECONDS = 43_200;

export function proxyVolumes(pod: V1Pod, config: InjectionConfig): V1Volume[] {
  return [
    { name: 'istio-envoy', emptyDir: { medium: 'Memory' } },
    {
      name: 'istio-podinfo',
      downwardAPI: {
        items: [
          { path: 'labels', fieldRef: { fieldPath: 'metadata.labels' } },
          { path: 'annotations', fieldRef: { fieldPath: 'metadata.annotations' } },
        ],
      },
    },
    {
      name: 'istio-token',
      projected: {
        sources: [
          {
            serviceAccountToken: {
              path: 'istio-token',
              expirationSeconds: TOKEN_SECONDS,
              audience: config.tokenAudience,
            },
          },
        ],
      },
    },
    { name: 'istiod-ca-cert', configMap: { name: 'istio-ca-root-cert' } },
    ...userEntries(pod, 'sidecar.istio.io/userVolume'),
  ];
}

export function proxyVolumeMounts(pod: V1Pod): V1VolumeMount[] {
  return [
    { name: 'istio-envoy', mountPath: '/etc/istio/proxy' },
    { name: 'istio-podinfo', mountPath: '/etc/istio/pod' },
    { name: 'istio-token', mountPath: '/var/run/secrets/tokens' },
    { name: 'istiod-ca-cert', mountPath: '/var/run/secrets/istio' },
    ...userEntries(pod, 'sidecar.istio.io/userVolumeMount').map((entry) => ({ mountPath: '', ...entry })),
  ];
}

/** A JSON object in an annotation: what stands under a name becomes an entry of that name. */
function userEntries(pod: V1Pod, annotation: string): { readonly name: string }[] {
  const written = readYaml(pod.metadata?.annotations?.[annotation] ?? '');
  if (!isMapping(written)) return [];
  return Object.entries(written).flatMap(([name, entry]) => (isMapping(entry) ? [{ ...entry, name }] : []));
}

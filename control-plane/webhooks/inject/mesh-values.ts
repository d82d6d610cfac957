import { isMapping } from '../../api/schema/schema.js';
import type { ConfigSet } from '../../sources/source.js';
import type { InjectionConfig } from './config.js';

/** The installation's values with what MeshConfig (ConfigMap `istio`) says about sidecars over them. */
export function withMeshConfig(config: InjectionConfig, set: ConfigSet | undefined): InjectionConfig {
  const mesh = meshConfigOf(set, config.rootNamespace);
  return mesh === undefined ? config : withMesh(config, mesh);
}

export function withMesh(config: InjectionConfig, mesh: Readonly<Record<string, unknown>>): InjectionConfig {
  const { defaultConfig, enablePrometheusMerge, trustDomain } = mesh;
  return {
    ...config,
    ...(isMapping(defaultConfig) ? { proxyConfig: { ...config.proxyConfig, ...defaultConfig } } : {}),
    ...(typeof enablePrometheusMerge === 'boolean' ? { enablePrometheusMerge } : {}),
    ...(typeof trustDomain === 'string' && trustDomain !== '' ? { trustDomain } : {}),
  };
}

function meshConfigOf(
  set: ConfigSet | undefined,
  rootNamespace: string,
): Readonly<Record<string, unknown>> | undefined {
  for (const { kind, metadata, spec } of set?.objects.values() ?? []) {
    if (kind !== 'ConfigMap' || metadata.name !== 'istio' || metadata.namespace !== rootNamespace) continue;
    const mesh = isMapping(spec) ? spec['mesh'] : undefined;
    return isMapping(mesh) ? mesh : undefined;
  }
  return undefined;
}

import { objectsOfKind } from '../../api/kinds/index.js';
import type { ProxyConfigSpec } from '../../api/kinds/proxy-config.js';
import { selectorMatches } from '../../api/labels.js';
import type { ConfigObject } from '../../api/object.js';
import { isMapping } from '../../api/schema/schema.js';
import { byAge } from '../../model/order.js';
import type { ConfigSet } from '../../sources/source.js';
import type { InjectionConfig } from './config.js';

type Labels = Readonly<Record<string, string>>;

/**
 * The values with the ProxyConfig objects that concern a pod over them: the mesh's (of the root namespace), its namespace's, and
 * those that select it, the later over the earlier; of several of one rank the oldest counts. The pod's own annotation still goes
 * over all of it.
 */
export function withProxyConfigs(
  config: InjectionConfig,
  set: ConfigSet | undefined,
  pod: { readonly namespace: string; readonly labels: Labels },
): InjectionConfig {
  if (set === undefined) return config;
  const found = ranked(objectsOfKind(set.objects, 'ProxyConfig'), config.rootNamespace, pod);
  if (found.length === 0) return config;
  const environment = Object.assign({}, ...found.map(({ spec }) => spec.environmentVariables ?? {})) as Labels;
  const { proxyMetadata } = config.proxyConfig;
  const joined = { ...(isMapping(proxyMetadata) ? proxyMetadata : {}), ...environment };
  return { ...config, proxyConfig: { ...config.proxyConfig, proxyMetadata: joined } };
}

function ranked(
  objects: readonly ConfigObject<ProxyConfigSpec>[],
  rootNamespace: string,
  { namespace, labels }: { readonly namespace: string; readonly labels: Labels },
): ConfigObject<ProxyConfigSpec>[] {
  const sorted = [...objects].sort(byAge);
  const general = (of: string) => sorted.find(({ metadata, spec }) => metadata.namespace === of && !selects(spec));
  const own = sorted.find(
    ({ metadata, spec }) =>
      metadata.namespace === namespace && selects(spec) && selectorMatches(spec.selector?.matchLabels ?? {}, labels),
  );
  const ranks = [general(rootNamespace), namespace === rootNamespace ? undefined : general(namespace), own];
  return ranks.filter((object) => object !== undefined);
}

function selects({ selector }: ProxyConfigSpec): boolean {
  return Object.keys(selector?.matchLabels ?? {}).length > 0;
}

import type { VirtualServiceSpec } from '../api/kinds/virtual-service.js';
import type { ConfigObject } from '../api/object.js';
import { delegateKey, mergeRoute } from '../model/delegates.js';
import { AnalysisCode } from './codes.js';
import { isExported, type Registry } from './registry.js';
import type { Reporter } from './reporter.js';

/** Delegates that are not there, are not shown to who delegates, or have routes that their root leaves no room for. */
export function checkDelegates(registry: Registry, report: Reporter): void {
  const all = registry.all('VirtualService');
  const byKey = new Map(all.map((object) => [`${object.metadata.namespace}/${object.metadata.name}`, object]));
  for (const root of all) {
    for (const i of (root.spec.http ?? []).keys()) checkRoute(root, i, byKey, report);
  }
}

function checkRoute(
  root: ConfigObject<VirtualServiceSpec>,
  index: number,
  byKey: ReadonlyMap<string, ConfigObject<VirtualServiceSpec>>,
  report: Reporter,
): void {
  const { namespace } = root.metadata;
  const route = root.spec.http?.[index];
  const key = route === undefined ? undefined : delegateKey(route, namespace);
  if (route === undefined || key === undefined) return;
  const delegate = byKey.get(key);
  const reason = unusable(key, delegate, namespace);
  if (delegate === undefined || reason !== undefined) {
    const message = `${reason}; the route is left out`;
    report.error(root, AnalysisCode.referenceNotFound, `spec.http[${index}].delegate`, message);
    return;
  }
  for (const [i, leaf] of (delegate.spec.http ?? []).entries()) {
    if (mergeRoute(route, leaf) !== undefined) continue;
    const why =
      leaf.delegate !== undefined
        ? 'a delegate cannot delegate'
        : 'its matches are not narrower than those of the route that delegates (regular expressions never are)';
    report.warning(
      delegate,
      AnalysisCode.delegateConflict,
      `spec.http[${i}]`,
      `is left out where VirtualService ${namespace}/${root.metadata.name} delegates to it: ${why}`,
    );
  }
}

function unusable(
  key: string,
  delegate: ConfigObject<VirtualServiceSpec> | undefined,
  namespace: string,
): string | undefined {
  if (delegate === undefined) return `there is no VirtualService ${key}`;
  if ((delegate.spec.hosts ?? []).length > 0) return `VirtualService ${key} has hosts of its own, so it is no delegate`;
  if (isExported(delegate.spec.exportTo ?? [], delegate.metadata.namespace, namespace)) return undefined;
  return `VirtualService ${key} is not exported to namespace ${namespace}`;
}

import type { ConfigPatch, EnvoyFilterSpec } from '../api/kinds/envoy-filter.js';
import type { ConfigObject } from '../api/object.js';
import { AnalysisCode } from './codes.js';
import type { Registry } from './registry.js';
import type { Reporter } from './reporter.js';

const RELATIVE: ReadonlySet<string> = new Set(['INSERT_BEFORE', 'INSERT_AFTER', 'REPLACE', 'MERGE', 'REMOVE']);

/** Patches whose operation does nothing where they apply, or depends on what others did before. */
export function checkEnvoyFilters(registry: Registry, report: Reporter): void {
  for (const object of registry.all('EnvoyFilter')) {
    for (const [i, patch] of (object.spec.configPatches ?? []).entries()) {
      checkMisuse(object, patch, `spec.configPatches[${i}].patch.operation`, report);
      checkRelative(object, patch, `spec.configPatches[${i}].patch.operation`, report);
    }
  }
}

type Filter = ConfigObject<EnvoyFilterSpec>;

function checkMisuse(
  object: Filter,
  { applyTo, patch: { operation } }: ConfigPatch,
  at: string,
  report: Reporter,
): void {
  const nothing = `${operation} does nothing for ${applyTo}`;
  if (operation === 'REPLACE' && applyTo !== 'HTTP_FILTER' && applyTo !== 'NETWORK_FILTER') {
    report.error(object, AnalysisCode.replaceMisused, at, `${nothing}: only filters can be replaced`);
  }
  if (operation === 'ADD' && applyTo === 'ROUTE_CONFIGURATION') {
    report.error(object, AnalysisCode.addMisused, at, `${nothing}: only MERGE has an effect`);
  }
  if (operation === 'REMOVE' && applyTo === 'ROUTE_CONFIGURATION') {
    report.error(object, AnalysisCode.removeMisused, at, `${nothing}: only MERGE has an effect`);
  }
}

function checkRelative(object: Filter, patch: ConfigPatch, at: string, report: Reporter): void {
  const { operation } = patch.patch;
  if (!RELATIVE.has(operation) || (object.spec.priority ?? 0) !== 0) return;
  const effect = `${operation} is relative to what other EnvoyFilters did before, and there is no priority`;
  if ((patch.match?.proxy?.proxyVersion ?? '') !== '') {
    const message = `${effect}; it also depends on the proxy's version`;
    report.warning(object, AnalysisCode.relativeWithProxyVersion, at, message);
  } else report.warning(object, AnalysisCode.relativeOperation, at, effect);
}

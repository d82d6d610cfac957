import type { CustomTag, TelemetrySpec, Tracing } from '../api/kinds/telemetry.js';

/** What Telemetry says about the traces of a workload in one direction. */
export interface EffectiveTracing {
  readonly provider: string;
  /** Percent of requests; undefined leaves it to MeshConfig. */
  readonly sampling: number | undefined;
  /** Undefined leaves them to MeshConfig. */
  readonly customTags: Readonly<Record<string, CustomTag>> | undefined;
  readonly byRequestId: boolean;
  readonly istioTags: boolean;
  readonly propagates: boolean;
}

export type Mode = 'CLIENT' | 'SERVER';

/** Whether an entry is about this direction. */
export function applies(mode: Mode): (entry: { readonly match?: { readonly mode?: string } }) => boolean {
  return (entry) => {
    const wanted = entry.match?.mode ?? 'CLIENT_AND_SERVER';
    return wanted === 'CLIENT_AND_SERVER' || wanted === 'UNDEFINED' || wanted === mode;
  };
}

/**
 * The entries of all levels, widest first, each overriding what it sets. Undefined where no span is reported: without a
 * provider, or switched off. The first provider of a list counts, as with Istio.
 */
export function effectiveTracing(
  levels: readonly TelemetrySpec[],
  mode: Mode,
  defaultProvider: string | undefined,
): EffectiveTracing | undefined {
  const entries: readonly Tracing[] = levels.flatMap(({ tracing }) => tracing ?? []).filter(applies(mode));
  const last = <K extends keyof Tracing>(key: K): Tracing[K] | undefined =>
    entries.findLast((entry) => entry[key] !== undefined)?.[key];
  const named = entries.findLast(({ providers }) => (providers ?? []).length > 0)?.providers?.[0]?.name;
  const provider = named ?? defaultProvider;
  if (provider === undefined || last('disableSpanReporting') === true) return undefined;
  return {
    provider,
    sampling: last('randomSamplingPercentage'),
    customTags: entries.findLast(({ customTags }) => Object.keys(customTags ?? {}).length > 0)?.customTags,
    byRequestId: last('useRequestIdForTraceSampling') ?? true,
    istioTags: last('enableIstioTags') ?? true,
    propagates: last('disableContextPropagation') !== true,
  };
}

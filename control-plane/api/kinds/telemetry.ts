import type { Duration, MatchLabelsSelector, PolicyTargetReference } from './shared.js';

/** telemetry.istio.io Telemetry. */
export interface TelemetrySpec {
  readonly selector?: MatchLabelsSelector;
  /** A Telemetry with targetRef(s) is for waypoints and gateways: sidecars leave it out. */
  readonly targetRef?: PolicyTargetReference;
  readonly targetRefs?: readonly PolicyTargetReference[];
  readonly tracing?: readonly Tracing[];
  readonly metrics?: readonly Metrics[];
  readonly accessLogging?: readonly AccessLogging[];
}

export type WorkloadMode = 'UNDEFINED' | 'CLIENT_AND_SERVER' | 'CLIENT' | 'SERVER';

export interface ProviderRef {
  readonly name: string;
}

export interface AccessLogging {
  /** Unset mode means CLIENT_AND_SERVER. */
  readonly match?: { readonly mode?: WorkloadMode };
  /** Names of MeshConfig.extensionProviders; `envoy` is always there. */
  readonly providers?: readonly ProviderRef[];
  readonly disabled?: boolean;
  /** A CEL expression over the request and the response. */
  readonly filter?: { readonly expression?: string };
}

export interface Tracing {
  readonly match?: { readonly mode?: WorkloadMode };
  readonly providers?: readonly ProviderRef[];
  readonly randomSamplingPercentage?: number;
  readonly disableSpanReporting?: boolean;
  readonly customTags?: Readonly<Record<string, CustomTag>>;
  readonly useRequestIdForTraceSampling?: boolean;
  readonly enableIstioTags?: boolean;
  readonly disableContextPropagation?: boolean;
}

export interface CustomTag {
  readonly literal?: { readonly value: string };
  readonly environment?: { readonly name: string; readonly defaultValue?: string };
  readonly header?: { readonly name: string; readonly defaultValue?: string };
  readonly formatter?: { readonly value: string };
}

export interface Metrics {
  readonly providers?: readonly ProviderRef[];
  readonly overrides?: readonly MetricsOverride[];
  readonly reportingInterval?: Duration;
}

export interface MetricsOverride {
  readonly match?: { readonly metric?: string; readonly customMetric?: string; readonly mode?: WorkloadMode };
  readonly disabled?: boolean;
  readonly tagOverrides?: Readonly<
    Record<string, { readonly operation?: 'UPSERT' | 'REMOVE'; readonly value?: string }>
  >;
}

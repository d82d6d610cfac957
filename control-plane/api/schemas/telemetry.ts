import type {
  AccessLogging,
  CustomTag,
  Metrics,
  MetricsOverride,
  ProviderRef,
  TelemetrySpec,
  Tracing,
} from '../kinds/telemetry.js';
import { object, required, unsupported } from '../schema/object.js';
import { childPath } from '../schema/path.js';
import { bool, duration, enumOf, number } from '../schema/scalars.js';
import { list, map, type Schema } from '../schema/schema.js';
import { matchLabels, nonEmpty, TARGET_REF_CONSEQUENCE, targetRef, targetRefs, text } from './shared.js';

const mode = enumOf('UNDEFINED', 'CLIENT_AND_SERVER', 'CLIENT', 'SERVER');
const modeMatch = object<{ readonly mode?: 'UNDEFINED' | 'CLIENT_AND_SERVER' | 'CLIENT' | 'SERVER' }>({ mode });
const providers = list(object<ProviderRef>({ name: required(nonEmpty) }));

const accessLogging: Schema<AccessLogging> = object<AccessLogging>({
  match: modeMatch,
  providers,
  disabled: bool,
  filter: object<{ readonly expression?: string }>({ expression: text }),
});

type Named = { readonly name: string; readonly defaultValue?: string };
const named: Schema<Named> = object<Named>({ name: required(nonEmpty), defaultValue: text });
const valued = object<{ readonly value: string }>({ value: required(nonEmpty) });

/** A tag of spans (Telemetry, ProxyConfig). */
export const customTag: Schema<CustomTag> = object<CustomTag>(
  { literal: valued, environment: named, header: named, formatter: valued },
  { atMostOne: [['literal', 'environment', 'header', 'formatter']] },
);

const tracing: Schema<Tracing> = object<Tracing>({
  match: modeMatch,
  providers,
  randomSamplingPercentage: number(0, 100),
  disableSpanReporting: bool,
  customTags: map(customTag),
  useRequestIdForTraceSampling: bool,
  enableIstioTags: bool,
  disableContextPropagation: bool,
});

type TagOverride = { readonly operation?: 'UPSERT' | 'REMOVE'; readonly value?: string };

const tagOverride: Schema<TagOverride> = object<TagOverride>(
  { operation: enumOf('UPSERT', 'REMOVE'), value: text },
  {
    check({ operation, value }, path, report) {
      if (operation === 'UPSERT' && !value) report.error(childPath(path, 'value'), 'is required with operation UPSERT');
      if (operation === 'REMOVE' && value !== undefined) {
        report.error(childPath(path, 'value'), 'must not be set with operation REMOVE');
      }
    },
  },
);

const metrics: Schema<Metrics> = object<Metrics>({
  providers,
  overrides: list(
    object<MetricsOverride>({
      match: object<NonNullable<MetricsOverride['match']>>(
        {
          metric: enumOf(
            'ALL_METRICS',
            'REQUEST_COUNT',
            'REQUEST_DURATION',
            'REQUEST_SIZE',
            'RESPONSE_SIZE',
            'TCP_OPENED_CONNECTIONS',
            'TCP_CLOSED_CONNECTIONS',
            'TCP_SENT_BYTES',
            'TCP_RECEIVED_BYTES',
            'GRPC_REQUEST_MESSAGES',
            'GRPC_RESPONSE_MESSAGES',
          ),
          customMetric: nonEmpty,
          mode,
        },
        { atMostOne: [['metric', 'customMetric']] },
      ),
      disabled: bool,
      tagOverrides: map(tagOverride),
    }),
  ),
  reportingInterval: duration,
});

/** Telemetry (telemetry.istio.io). */
export const telemetry: Schema<TelemetrySpec> = object<TelemetrySpec>(
  {
    selector: matchLabels,
    targetRef: unsupported(targetRef, TARGET_REF_CONSEQUENCE),
    targetRefs: unsupported(targetRefs, TARGET_REF_CONSEQUENCE),
    tracing: list(tracing),
    metrics: unsupported(list(metrics), 'the standard metrics are kept as they are'),
    accessLogging: list(accessLogging),
  },
  { atMostOne: [['selector', 'targetRef', 'targetRefs']] },
);

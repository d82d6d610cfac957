import { isTagName, METRIC_NAMES, STANDARD_TAGS } from '../../../common/telemetry/standard-metrics.js';
import { Code } from '../codes.js';
import type {
  AccessLogging,
  CustomTag,
  Metrics,
  MetricsOverride,
  ProviderRef,
  TelemetrySpec,
  Tracing,
} from '../kinds/telemetry.js';
import { object, required } from '../schema/object.js';
import { childPath } from '../schema/path.js';
import type { Report } from '../schema/report.js';
import { bool, duration, enumOf, number } from '../schema/scalars.js';
import { list, map, type Schema, shown } from '../schema/schema.js';
import { expression } from './expression.js';
import { matchLabels, nonEmpty, targetRef, targetRefs, text } from './shared.js';

const mode = enumOf('UNDEFINED', 'CLIENT_AND_SERVER', 'CLIENT', 'SERVER');
const modeMatch = object<{ readonly mode?: 'UNDEFINED' | 'CLIENT_AND_SERVER' | 'CLIENT' | 'SERVER' }>({ mode });
const providers = list(object<ProviderRef>({ name: required(nonEmpty) }));

const accessLogging: Schema<AccessLogging> = object<AccessLogging>({
  match: modeMatch,
  providers,
  disabled: bool,
  filter: object<{ readonly expression?: string }>({ expression: expression('nothing is logged') }),
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
  { operation: enumOf('UPSERT', 'REMOVE'), value: expression('the tag is "unknown"') },
  {
    check({ operation, value }, path, report) {
      if (operation === 'UPSERT' && !value) report.error(childPath(path, 'value'), 'is required with operation UPSERT');
      if (operation === 'REMOVE' && value !== undefined) {
        report.error(childPath(path, 'value'), 'must not be set with operation REMOVE');
      }
    },
  },
);

/** Istio counts a metric that nobody knows, and a tag that is not there, as nothing at all. */
function checkOverride({ match, tagOverrides = {} }: MetricsOverride, path: string, report: Report): void {
  const ineffective = (at: string, message: string): void => report.warn(Code.withoutEffect, at, message);
  const custom = match?.customMetric;
  if (custom !== undefined && !METRIC_NAMES.has(custom)) {
    const known = [...METRIC_NAMES].join(', ');
    ineffective(childPath(path, 'match.customMetric'), `there is no metric ${shown(custom)}; there are ${known}`);
  }
  for (const [tag, { operation }] of Object.entries(tagOverrides)) {
    const at = childPath(childPath(path, 'tagOverrides'), tag);
    if (!isTagName(tag)) ineffective(at, `${shown(tag)} cannot be the name of a label, so the tag is left out`);
    else if (operation === 'REMOVE' && !STANDARD_TAGS.has(tag)) {
      ineffective(at, `the metrics have no tag ${shown(tag)} that could be removed`);
    }
  }
}

const metrics: Schema<Metrics> = object<Metrics>({
  providers,
  overrides: list(
    object<MetricsOverride>(
      {
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
      },
      { check: checkOverride },
    ),
  ),
  reportingInterval: duration,
});

/** Telemetry (telemetry.istio.io). */
export const telemetry: Schema<TelemetrySpec> = object<TelemetrySpec>(
  {
    selector: matchLabels,
    targetRef,
    targetRefs,
    tracing: list(tracing),
    metrics: list(metrics),
    accessLogging: list(accessLogging),
  },
  { atMostOne: [['selector', 'targetRef', 'targetRefs']] },
);

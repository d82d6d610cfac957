import type {
  ExtensionProvider,
  FileAccessLog,
  OpenTelemetryLogProvider,
  OpenTelemetryProvider,
  ProviderHeader,
  ZipkinProvider,
} from '../kinds/extension-provider.js';
import { object, required, unsupported } from '../schema/object.js';
import { bool, duration, enumOf, port, uint32 } from '../schema/scalars.js';
import { anything, list, map, type Schema } from '../schema/schema.js';
import { extAuthzGrpc, extAuthzHttp } from './ext-authz.js';
import { nonEmpty, text } from './shared.js';

const opaque = unsupported(anything, 'a provider of this kind is not used');

const header: Schema<ProviderHeader> = object<ProviderHeader>(
  { name: required(nonEmpty), value: text, envName: nonEmpty },
  { exactlyOne: [['value', 'envName']] },
);
const headers = list(header);

const zipkin: Schema<ZipkinProvider> = object<ZipkinProvider>({
  service: required(nonEmpty),
  port: required(port),
  maxTagLength: uint32,
  enable64bitTraceId: bool,
  path: text,
  traceContextOption: enumOf('USE_B3', 'USE_B3_WITH_W3C_PROPAGATION'),
  timeout: duration,
  headers,
});

const opentelemetry: Schema<OpenTelemetryProvider> = object<OpenTelemetryProvider>(
  {
    service: required(nonEmpty),
    port: required(port),
    maxTagLength: uint32,
    http: object<NonNullable<OpenTelemetryProvider['http']>>({ path: required(nonEmpty), timeout: duration, headers }),
    grpc: object<NonNullable<OpenTelemetryProvider['grpc']>>({ timeout: duration, initialMetadata: headers }),
    resourceDetectors: object<NonNullable<OpenTelemetryProvider['resourceDetectors']>>({
      environment: object<Readonly<Record<string, never>>>({}),
      dynatrace: unsupported(anything, 'its attributes are not added'),
    }),
    serviceAttributeEnrichment: unsupported(anything, 'service.name is the workload’s'),
    dynatraceSampler: unsupported(anything, 'sampling is by percentage'),
  },
  { atMostOne: [['http', 'grpc']] },
);

const otelLog: Schema<OpenTelemetryLogProvider> = object<OpenTelemetryLogProvider>({
  service: required(nonEmpty),
  port: required(port),
  logName: text,
  logFormat: object<NonNullable<OpenTelemetryLogProvider['logFormat']>>({ text, labels: map(anything) }),
});

/** MeshConfig.extensionProviders. */
export const extensionProvider: Schema<ExtensionProvider> = object<ExtensionProvider>(
  {
    name: required(nonEmpty),
    envoyFileAccessLog: object<FileAccessLog>({
      path: text,
      logFormat: object<NonNullable<FileAccessLog['logFormat']>>(
        { text, labels: map(anything) },
        { atMostOne: [['text', 'labels']] },
      ),
      omitEmptyValues: bool,
    }),
    prometheus: object<Readonly<Record<string, never>>>({}),
    envoyExtAuthzHttp: extAuthzHttp,
    envoyExtAuthzGrpc: extAuthzGrpc,
    zipkin,
    lightstep: opaque,
    datadog: opaque,
    stackdriver: opaque,
    opencensus: opaque,
    skywalking: opaque,
    opentelemetry,
    envoyHttpAls: opaque,
    envoyTcpAls: opaque,
    envoyOtelAls: otelLog,
    sds: opaque,
  },
  {
    exactlyOne: [
      [
        'envoyFileAccessLog',
        'prometheus',
        'envoyExtAuthzHttp',
        'envoyExtAuthzGrpc',
        'zipkin',
        'lightstep',
        'datadog',
        'stackdriver',
        'opencensus',
        'skywalking',
        'opentelemetry',
        'envoyHttpAls',
        'envoyTcpAls',
        'envoyOtelAls',
        'sds',
      ],
    ],
  },
);

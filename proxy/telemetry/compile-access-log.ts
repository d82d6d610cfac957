import { messageOf } from '../../common/runtime/errors.js';
import { fromStruct, type StructMessage } from '../../common/xds/struct.js';
import { EXTENSION } from '../../common/xds/type-urls.js';
import type { AccessLog__Output } from '../../proto/gen/envoy/config/accesslog/v3/AccessLog.js';
import type { SubstitutionFormatString__Output } from '../../proto/gen/envoy/config/core/v3/SubstitutionFormatString.js';
import type { FileAccessLog__Output } from '../../proto/gen/envoy/extensions/access_loggers/file/v3/FileAccessLog.js';
import type { OpenTelemetryAccessLogConfig__Output } from '../../proto/gen/envoy/extensions/access_loggers/open_telemetry/v3/OpenTelemetryAccessLogConfig.js';
import type { StdoutAccessLog__Output } from '../../proto/gen/envoy/extensions/access_loggers/stream/v3/StdoutAccessLog.js';
import type { Issues } from '../snapshot/issues.js';
import { typeUrlOf, unpacked } from '../snapshot/wire-values.js';
import type { AccessLogger } from './access-log.js';
import { compileLogFilter, type LogFilter } from './compile-log-filter.js';
import type { Expressions } from './expressions/compile.js';
import { compileFormat, type FormatContext } from './format.js';
import { ENVOY_TEXT_FORMAT } from './formats.js';
import { compileJsonFormat } from './json-format.js';
import { checkFormatters, operatorDeps } from './log-formatters.js';
import type { LogSinks } from './log-sinks.js';
import type { OtlpLogs } from './otlp-logs.js';

type Render = (context: FormatContext) => string;

export interface AccessLogDeps {
  readonly sinks: LogSinks;
  /** For filters. */
  readonly expressions: Expressions;
  readonly otlp: OtlpLogs;
}

/** Takes a finished request. */
type Emit = (context: FormatContext) => void;

/** The compiler of envoy.config.accesslog.v3.AccessLog; undefined after an error. */
export function accessLogCompiler({
  sinks,
  expressions,
  otlp,
}: AccessLogDeps): (message: AccessLog__Output, issues: Issues) => AccessLogger | undefined {
  return (message, issues) => {
    const filter =
      message.filter === undefined ? undefined : compileLogFilter(message.filter, expressions, issues.at('filter'));
    const emit = compileTarget(message, { sinks, expressions, otlp }, issues.at('typed_config'));
    if (emit === undefined || (message.filter !== undefined && filter === undefined)) return undefined;
    return logger(filter, emit);
  };
}

function logger(filter: LogFilter | undefined, emit: Emit): AccessLogger {
  return {
    log(info, request, response) {
      const context = { info, request, response };
      if (filter === undefined || filter(context)) emit(context);
    },
  };
}

function compileTarget(message: AccessLog__Output, deps: AccessLogDeps, issues: Issues): Emit | undefined {
  const { sinks, otlp, expressions } = deps;
  const config = message.typed_config;
  const type = typeUrlOf(config);
  if (config === undefined || type === '') {
    issues.error('is missing');
    return undefined;
  }
  if (type === EXTENSION.fileAccessLog) {
    const file = unpacked<FileAccessLog__Output>(config);
    return target(compileFileFormat(file, expressions, issues), file.path ?? '', sinks, issues);
  }
  if (type === EXTENSION.stdoutAccessLog || type === EXTENSION.stderrAccessLog) {
    const stream = unpacked<StdoutAccessLog__Output>(config);
    const path = type === EXTENSION.stdoutAccessLog ? '/dev/stdout' : '/dev/stderr';
    return target(compileLogFormat(stream.log_format, expressions, issues.at('log_format')), path, sinks, issues);
  }
  if (type === EXTENSION.otlpAccessLog) {
    return otlp.compile(unpacked<OpenTelemetryAccessLogConfig__Output>(config), expressions, issues);
  }
  issues.error(`access log type ${type} is not supported`);
  return undefined;
}

function target(render: Render | undefined, path: string, sinks: LogSinks, issues: Issues): Emit | undefined {
  if (render === undefined) return undefined;
  if (path === '') {
    issues.at('path').error('is empty');
    return undefined;
  }
  try {
    const sink = sinks.open(path);
    return (context) => sink.write(render(context));
  } catch (error) {
    issues.at('path').error(`cannot open ${path}: ${messageOf(error)}`);
    return undefined;
  }
}

function compileFileFormat(file: FileAccessLog__Output, expressions: Expressions, issues: Issues): Render | undefined {
  const json = file.json_format ?? file.typed_json_format;
  if (json !== undefined) {
    const at = issues.at(file.json_format === undefined ? 'typed_json_format' : 'json_format');
    return attempt(at, () =>
      compileJsonFormat(fromStruct(json as StructMessage), false, operatorDeps(expressions, at)),
    );
  }
  const { format = '' } = file;
  if (format !== '') {
    const at = issues.at('format');
    return attempt(at, () => compileFormat(format, operatorDeps(expressions, at)).format);
  }
  return compileLogFormat(file.log_format, expressions, issues.at('log_format'));
}

function compileLogFormat(
  format: SubstitutionFormatString__Output | undefined,
  expressions: Expressions,
  issues: Issues,
): Render | undefined {
  if (format === undefined) return compileFormat(ENVOY_TEXT_FORMAT).format;
  checkFormatters(format.formatters, issues.at('formatters'));
  const deps = operatorDeps(expressions, issues);
  const omitEmpty = format.omit_empty_values === true;
  const { json_format: json } = format;
  if (json !== undefined) {
    return attempt(issues.at('json_format'), () =>
      compileJsonFormat(fromStruct(json as StructMessage), omitEmpty, deps),
    );
  }
  const text = format.text_format ?? format.text_format_source?.inline_string;
  if (text === undefined) {
    const source = format.text_format_source;
    issues.error(source === undefined ? 'gives no format' : 'text_format_source must be an inline_string');
    return undefined;
  }
  return attempt(issues, () => compileFormat(text, { ...deps, omitEmpty }).format);
}

function attempt(issues: Issues, compile: () => Render): Render | undefined {
  try {
    return compile();
  } catch (error) {
    issues.error(messageOf(error));
    return undefined;
  }
}

import type { CustomTag__Output } from '../../proto/gen/envoy/type/tracing/v3/CustomTag.js';
import { requestHeader } from '../http/message.js';
import type { Issues } from '../snapshot/issues.js';
import { compileFormat } from '../telemetry/format.js';
import type { CustomTag } from './tracer.js';

const filled = (value: string | undefined): string | undefined => (value === '' ? undefined : value);

/** Compiles the tags that the configuration adds to every span; one that cannot be understood is an error. */
export function compileCustomTags(messages: readonly CustomTag__Output[], issues: Issues): CustomTag[] {
  return messages.flatMap((message, index) => compile(message, issues.at(index)) ?? []);
}

function compile(message: CustomTag__Output, issues: Issues): CustomTag | undefined {
  const name = message.tag ?? '';
  const { literal, environment, request_header: header, metadata, value } = message;
  if (literal !== undefined) return constant(name, literal.value);
  if (environment !== undefined) {
    return constant(name, process.env[environment.name ?? ''] ?? environment.default_value);
  }
  if (header !== undefined) {
    const key = (header.name ?? '').toLowerCase();
    const fallback = filled(header.default_value);
    return { name, value: ({ request }) => (request && requestHeader(request, key)) ?? fallback };
  }
  // No filter leaves metadata behind: the default, if there is one.
  if (metadata !== undefined) return constant(name, metadata.default_value);
  try {
    const format = compileFormat(value ?? '', { omitEmpty: true });
    return { name, value: (context) => filled(format.format(context)) };
  } catch (error) {
    issues.at('value').error(error instanceof Error ? error.message : String(error));
    return undefined;
  }
}

function constant(name: string, given: string | undefined): CustomTag | undefined {
  const value = filled(given);
  return value === undefined ? undefined : { name, value: () => value };
}

import { readFileSync } from 'node:fs';
import { messageOf } from '../../common/runtime/errors.js';
import { fromJson } from '../../common/xds/json.js';
import type { Bootstrap__Output } from '../../proto/gen/envoy/config/bootstrap/v3/Bootstrap.js';
import type { ProxyConfig } from '../config.js';
import { Issues } from '../snapshot/issues.js';
import { readBootstrap } from './bootstrap.js';
import { parseText } from './text.js';

const BOOTSTRAP = 'type.googleapis.com/envoy.config.bootstrap.v3.Bootstrap';

/** Parts of Envoy's bootstrap that concern its own statistics, tracing and limits; without them requests fare alike. */
const HARMLESS = new Set([
  'stats_config',
  'stats_sinks',
  'overload_manager',
  'watchdog',
  'watchdogs',
  'tracing',
  'inline_headers',
  'grpc_async_client_manager_config',
  'memory_allocator_manager',
  'fatal_actions',
  'application_log_config',
  'deferred_stat_options',
  'dns_resolution_config',
]);

export type LoadedBootstrap =
  | { readonly config: ProxyConfig; readonly warnings: readonly string[] }
  | { readonly errors: readonly string[]; readonly warnings: readonly string[] };

/** Reads a bootstrap file, YAML or JSON. */
export function loadBootstrap(file: string): LoadedBootstrap {
  try {
    return parseBootstrap(readFileSync(file, 'utf8'));
  } catch (error) {
    return { errors: [messageOf(error)], warnings: [] };
  }
}

/** The settings in a bootstrap's text, or everything that is wrong with it. */
export function parseBootstrap(text: string): LoadedBootstrap {
  let value: unknown;
  try {
    value = parseText(text);
  } catch (error) {
    return { errors: [messageOf(error)], warnings: [] };
  }
  const { message, errors } = fromJson(BOOTSTRAP, value);
  const issues = new Issues();
  for (const { path, message: text } of errors) {
    const line = path === '' ? text : `${path}: ${text}`;
    if (HARMLESS.has(topOf(path))) issues.warnings.push(`${line} (no effect)`);
    else issues.errors.push(line);
  }
  const config = readBootstrap(message as Bootstrap__Output, issues);
  const { warnings } = issues;
  return issues.errors.length > 0 ? { errors: issues.errors, warnings } : { config, warnings };
}

/** First segment of a path in snake_case, whichever spelling the file has. */
function topOf(path: string): string {
  const [first = ''] = path.split(/[.[]/, 1);
  return first.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

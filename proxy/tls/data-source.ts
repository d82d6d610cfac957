import { readFileSync } from 'node:fs';
import { messageOf } from '../../common/runtime/errors.js';
import type { DataSource__Output } from '../../proto/gen/envoy/config/core/v3/DataSource.js';
import type { Issues } from '../snapshot/issues.js';

/** Text of a DataSource: given in place, in a file, or in an environment variable. undefined after an error. */
export function readDataSource(source: DataSource__Output | undefined, issues: Issues): string | undefined {
  if (source?.inline_string !== undefined) return source.inline_string;
  if (source?.inline_bytes !== undefined) return source.inline_bytes.toString('utf8');
  if (source?.environment_variable !== undefined) {
    const value = process.env[source.environment_variable];
    if (value === undefined) issues.error(`environment variable ${source.environment_variable} is not set`);
    return value;
  }
  if (source?.filename === undefined) {
    issues.error('no file name and no inline value is given');
    return undefined;
  }
  try {
    return readFileSync(source.filename, 'utf8');
  } catch (error) {
    issues.error(messageOf(error));
    return undefined;
  }
}

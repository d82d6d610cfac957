import type { ObjectMeta } from './object.js';
import { childPath } from './schema/path.js';
import type { Report } from './schema/report.js';
import { string } from './schema/scalars.js';
import { isMapping, map, shown } from './schema/schema.js';

const NAME = string({
  min: 1,
  max: 253,
  pattern: /^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/,
  shape: 'a name of lower-case letters, digits, "-" and "."',
});
const NAMESPACE = string({
  min: 1,
  max: 63,
  pattern: /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/,
  shape: 'a namespace of lower-case letters, digits and "-"',
});
const TEXTS = map(string());

export const DEFAULT_NAMESPACE = 'default';

/** Kubernetes' metadata, of which the mesh reads a part. Undefined after reporting what is wrong. */
export function parseMetadata(value: unknown, report: Report, clusterScoped: boolean): ObjectMeta | undefined {
  const path = 'metadata';
  if (!isMapping(value)) {
    report.error(path, `must be a mapping with a name, got ${shown(value)}`);
    return undefined;
  }
  const optional = <T>(key: string, parse: (content: unknown, at: string) => T | undefined, fallback: T): T => {
    const content = value[key];
    return content === undefined || content === null ? fallback : (parse(content, childPath(path, key)) ?? fallback);
  };
  const name = NAME.parse(value['name'] ?? undefined, `${path}.name`, report);
  const namespace = clusterScoped
    ? ''
    : optional('namespace', (content, at) => NAMESPACE.parse(content, at, report), DEFAULT_NAMESPACE);
  const labels = optional('labels', (content, at) => TEXTS.parse(content, at, report), {});
  const annotations = optional('annotations', (content, at) => TEXTS.parse(content, at, report), {});
  if (name === undefined || report.failed) return undefined;
  const { creationTimestamp, generation } = value;
  return {
    name,
    namespace,
    labels,
    annotations,
    creationTimestamp: typeof creationTimestamp === 'string' ? creationTimestamp : '',
    generation: typeof generation === 'number' ? generation : 0,
  };
}

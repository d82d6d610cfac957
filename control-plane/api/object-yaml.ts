import { stringify } from 'yaml';
import type { ConfigObject } from './object.js';

/** An object as people write it, with a spec in the place of its own if one is given. */
export function objectYaml(
  { apiVersion, kind, metadata, ...object }: ConfigObject,
  spec: unknown = object.spec,
): string {
  const { name, namespace, labels, annotations } = metadata;
  return stringify({
    apiVersion,
    kind,
    metadata: {
      name,
      namespace,
      ...(Object.keys(labels).length > 0 && { labels }),
      ...(Object.keys(annotations).length > 0 && { annotations }),
    },
    spec,
  });
}

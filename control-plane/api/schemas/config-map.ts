import type { ConfigMapSpec } from '../kinds/core.js';
import { object, required } from '../schema/object.js';
import { map, type Schema } from '../schema/schema.js';
import { text } from './shared.js';

/** Kubernetes ConfigMap. `mesh` is read from its text where the object is known to hold the mesh's settings. */
export const configMap: Schema<ConfigMapSpec> = object<Pick<ConfigMapSpec, 'data'>>(
  { data: required(map(text)) },
  { unknownFields: 'ignore' },
);

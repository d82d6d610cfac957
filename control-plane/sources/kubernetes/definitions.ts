import type { Resource } from '../../kubernetes/resource.js';
import { trimToName } from './trim.js';

/** CustomResourceDefinitions, of which only the names are kept: they are large. */
export function definitionsResource(): Resource {
  return {
    kind: 'CustomResourceDefinition',
    group: 'apiextensions.k8s.io',
    versions: ['v1'],
    plural: 'customresourcedefinitions',
    custom: false,
    trim: trimToName,
  };
}

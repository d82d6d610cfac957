import { isMapping } from '../../api/schema/schema.js';
import type { ConfigSet } from '../../sources/source.js';
import type { AdmissionRequest, AdmissionResponse } from '../admission.js';
import { validateObject } from './validate.js';

export interface ValidationAnswer {
  readonly passed: boolean;
  readonly group: string;
  readonly kind: string;
  readonly response: AdmissionResponse;
}

/** Faults of one object that are told at once. */
const MAX_FAULTS = 20;

/** Answers the API server about an object that is created or changed. It writes nothing, so dry runs are as safe. */
export function answerValidation(request: AdmissionRequest, set: ConfigSet | undefined): ValidationAnswer {
  const object = isMapping(request.object) ? request.object : {};
  const { apiVersion, kind } = object;
  const subject = {
    group: typeof apiVersion === 'string' ? (apiVersion.split('/')[0] ?? '') : '',
    kind: typeof kind === 'string' ? kind : '',
  };
  const { faults, warnings } = validateObject(placed(object, request.namespace), set);
  if (faults.length === 0) return { ...subject, passed: true, response: { allowed: true, warnings } };
  const told = faults.slice(0, MAX_FAULTS).join('; ');
  const rest = faults.length > MAX_FAULTS ? `; and ${faults.length - MAX_FAULTS} more` : '';
  return { ...subject, passed: false, response: { allowed: false, message: `${told}${rest}`, warnings } };
}

/** With its namespace and a name: one that is to be generated is not there yet. */
function placed(object: Readonly<Record<string, unknown>>, namespace: string): object {
  const metadata = isMapping(object['metadata']) ? object['metadata'] : {};
  const { name, generateName } = metadata;
  return {
    ...object,
    metadata: {
      ...metadata,
      ...(namespace === '' ? {} : { namespace }),
      ...(name === undefined && typeof generateName === 'string' ? { name: `${generateName}x` } : {}),
    },
  };
}

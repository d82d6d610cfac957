import type { V1Pod } from '@kubernetes/client-node';
import { isMapping } from '../../api/schema/schema.js';
import type { ConfigSet } from '../../sources/source.js';
import type { AdmissionRequest, AdmissionResponse } from '../admission.js';
import type { InjectionConfig } from './config.js';
import { decideOnceSeen } from './decide.js';
import { inject } from './inject.js';
import { jsonPatch } from './json-patch.js';
import { withProxyConfigs } from './proxy-configs.js';

/** How one request for injection went. */
export interface InjectionAnswer {
  readonly outcome: 'injected' | 'skipped' | 'failed';
  readonly response: AdmissionResponse;
}

/** Answers the API server about a pod that is to be created. A pod that cannot be injected is not created. */
export function answerInjection(request: AdmissionRequest, values: InjectionConfig, set?: ConfigSet): InjectionAnswer {
  const { object } = request;
  if (!isMapping(object) || !isMapping(object['spec']) || !Array.isArray(object['spec']['containers'])) {
    return { outcome: 'failed', response: { allowed: false, code: 400, message: 'the object is no pod' } };
  }
  // The API server has checked its shape.
  const pod = object as V1Pod;
  const namespace = request.namespace === '' ? (pod.metadata?.namespace ?? 'default') : request.namespace;
  const config = withProxyConfigs(values, set, { namespace, labels: pod.metadata?.labels ?? {} });
  if (!decideOnceSeen(pod, namespace, config.policy).inject) {
    return { outcome: 'skipped', response: { allowed: true } };
  }
  const result = inject(pod, namespace, config);
  switch (result.kind) {
    case 'unchanged':
      return { outcome: 'skipped', response: { allowed: true } };
    case 'refused':
      return {
        outcome: 'failed',
        response: { allowed: false, message: `the sidecar cannot be injected: ${result.faults.join('; ')}` },
      };
    case 'injected':
      return {
        outcome: 'injected',
        response: { allowed: true, patch: jsonPatch(pod, result.pod), warnings: result.warnings },
      };
  }
}

import type {
  AdmissionregistrationV1WebhookClientConfig,
  V1MutatingWebhookConfiguration,
  V1ValidatingWebhookConfiguration,
} from '@kubernetes/client-node';
import type { InjectionPolicy } from './inject/config.js';
import { injectionSelectors, REVISION } from './selectors.js';

export const INJECTOR = 'weft-injector';
export const VALIDATOR = 'weft-validator';

const SERVICE = 'weft-control-plane';
const SERVICE_PORT = 443;
const TIMEOUT_SECONDS = 10;

export interface WebhookConfigurationOptions {
  readonly policy: InjectionPolicy;
  /** `https://host:port` in place of the control plane's Service, for a control plane outside of the cluster. */
  readonly url?: string;
  /** PEM; left out of manifests, where the leader puts it in. */
  readonly caBundle?: string;
}

const LABELS = { app: 'weft-control-plane', 'app.kubernetes.io/part-of': 'weft' };

/** Who is injected: fails closed, so that no pod starts outside of the mesh unnoticed. */
export function injectorConfiguration(options: WebhookConfigurationOptions): V1MutatingWebhookConfiguration {
  const { policy } = options;
  return {
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'MutatingWebhookConfiguration',
    metadata: { name: nameOf(INJECTOR, policy), labels: { ...LABELS, [REVISION]: policy.revision } },
    webhooks: injectionSelectors(policy).map(({ name, namespaceSelector, objectSelector, matchConditions }) => ({
      name,
      clientConfig: clientConfig('/inject', options),
      rules: [{ operations: ['CREATE'], apiGroups: [''], apiVersions: ['v1'], resources: ['pods'], scope: '*' }],
      namespaceSelector,
      objectSelector,
      matchConditions: [...matchConditions],
      matchPolicy: 'Equivalent',
      reinvocationPolicy: 'Never',
      failurePolicy: 'Fail',
      sideEffects: 'None',
      timeoutSeconds: TIMEOUT_SECONDS,
      admissionReviewVersions: ['v1'],
    })),
  };
}

const GROUPS = [
  'security.istio.io',
  'networking.istio.io',
  'telemetry.istio.io',
  'extensions.istio.io',
  'split.smi-spec.io',
];

/** Objects of another revision are that revision's business. */
function ofThisRevision(revision: string): { name: string; expression: string } {
  const label = `'${REVISION}' in object.metadata.labels`;
  const none = revision === 'default' ? `!has(object.metadata.labels) || !(${label}) || ` : '';
  const expression = `${none}(has(object.metadata.labels) && ${label} && object.metadata.labels['${REVISION}'] == '${revision}')`;
  return { name: 'of-this-revision', expression };
}

/** Which objects are validated. Fails closed, as the injector does: what nobody has read is not put into force. */
export function validatorConfiguration(options: WebhookConfigurationOptions): V1ValidatingWebhookConfiguration {
  const { policy } = options;
  return {
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'ValidatingWebhookConfiguration',
    metadata: { name: nameOf(VALIDATOR, policy), labels: { ...LABELS, [REVISION]: policy.revision } },
    webhooks: [
      {
        name: 'rev.validation.istio.io',
        clientConfig: clientConfig('/validate', options),
        rules: [
          { operations: ['CREATE', 'UPDATE'], apiGroups: GROUPS, apiVersions: ['*'], resources: ['*'], scope: '*' },
        ],
        matchConditions: [ofThisRevision(policy.revision)],
        matchPolicy: 'Equivalent',
        failurePolicy: 'Fail',
        sideEffects: 'None',
        timeoutSeconds: TIMEOUT_SECONDS,
        admissionReviewVersions: ['v1'],
      },
    ],
  };
}

function nameOf(base: string, { revision }: InjectionPolicy): string {
  return revision === 'default' ? base : `${base}-${revision}`;
}

function clientConfig(
  path: string,
  { policy, url, caBundle }: WebhookConfigurationOptions,
): AdmissionregistrationV1WebhookClientConfig {
  const target =
    url === undefined
      ? { service: { name: SERVICE, namespace: policy.rootNamespace, path, port: SERVICE_PORT } }
      : { url: `${url}${path}` };
  return caBundle === undefined ? target : { ...target, caBundle: Buffer.from(caBundle).toString('base64') };
}

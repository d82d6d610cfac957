import { injectorConfiguration, validatorConfiguration } from '../../../control-plane/webhooks/configurations.js';
import { defaultInjectionConfig } from '../../../control-plane/webhooks/inject/config.js';
import type { InstallValues } from '../values.js';
import type { Manifest } from './names.js';

/** Which pods are injected and what is validated; the control plane's leader writes the CA bundles into them. */
export function webhooks(values: InstallValues): Manifest[] {
  const { policy } = defaultInjectionConfig({ image: '', rootNamespace: values.namespace });
  const { enableNamespacesByDefault } = values.injection;
  const options = { policy: { ...policy, enableNamespacesByDefault } };
  return [injectorConfiguration(options), validatorConfiguration(options)].map((object) => ({
    ...object,
    kind: object.kind ?? '',
  }));
}

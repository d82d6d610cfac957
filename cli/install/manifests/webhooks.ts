import type { InstallValues } from '../values.js';
import type { Manifest } from './names.js';

/** Which pods are injected and what is validated; the control plane's leader writes the CA bundles into them. */
export function webhooks(_values: InstallValues): Manifest[] {
  return [];
}

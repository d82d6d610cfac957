import type { InstallValues } from '../values.js';
import { CONTROL_PLANE, labels, type Manifest } from './names.js';

/** What the control plane may do, and no more. */
export function accessRules({ namespace }: InstallValues): Manifest[] {
  const subject = { kind: 'ServiceAccount', name: CONTROL_PLANE, namespace };
  void subject;
  return [];
}
void labels;

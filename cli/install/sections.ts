import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { installationRoot } from '../installation.js';
import { controlPlane } from './manifests/control-plane.js';
import { gateway } from './manifests/gateway.js';
import type { Manifest } from './manifests/names.js';
import { interventions, meshConfig, namespace } from './manifests/namespace.js';
import { accessRules, peopleRoles, signerAccess } from './manifests/rbac.js';
import { webhooks } from './manifests/webhooks.js';
import type { InstallValues } from './values.js';

/** Objects that belong together: a template of the chart. */
export interface Section {
  readonly name: string;
  /** Value that switches the whole section on or off. */
  readonly condition?: string;
  readonly enabled: boolean;
  readonly objects: readonly Manifest[];
}

/** Everything but the namespace and the CRDs, in the order in which it is applied. */
export function sections(values: InstallValues, mesh = stringify(meshOf(values))): Section[] {
  return [
    { name: 'mesh-config', enabled: true, objects: [meshConfig(values, mesh), interventions(values)] },
    { name: 'rbac', enabled: true, objects: [...accessRules(values), ...peopleRoles(values)] },
    {
      name: 'ca-signer',
      condition: 'caSigner.name',
      enabled: values.caSigner.name !== '',
      objects: signerAccess(values),
    },
    { name: 'control-plane', enabled: true, objects: controlPlane(values) },
    { name: 'webhooks', enabled: true, objects: webhooks(values) },
    ...(['ingress', 'egress'] as const).map((kind) => ({
      name: `${kind}-gateway`,
      condition: `gateways.${kind}.enabled`,
      enabled: values.gateways[kind].enabled,
      objects: gateway(kind, values),
    })),
  ];
}

/** All objects of an installation. The CRDs go first, so that `kubectl apply` of the one stream knows the kinds. */
export function installation(values: InstallValues): Manifest[] {
  const enabled = sections(values).filter((section) => section.enabled);
  return [namespace(values), ...enabled.flatMap(({ objects }) => objects)];
}

/** MeshConfig as installed: what was asked for, over what Weft needs to say. */
function meshOf(values: InstallValues): object {
  return { rootNamespace: values.namespace, ...values.meshConfig };
}

/** The texts of deploy/crds, in order of name. */
export function crdTexts(): string[] {
  const folder = join(installationRoot(), 'deploy', 'crds');
  return readdirSync(folder)
    .filter((name) => name.endsWith('.yaml'))
    .sort()
    .map((name) => readFileSync(join(folder, name), 'utf8'));
}

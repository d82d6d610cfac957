import type { V1ResourceRequirements } from '@kubernetes/client-node';
import { parse } from 'yaml';
import { logLevelOf } from '../../../common/runtime/log-level.js';
import { isMapping } from '../../api/schema/schema.js';
import { defaultInjectionConfig, type InjectionConfig } from './config.js';

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * What the installation says about injection, by the variables of the control plane's Deployment: PROXY_IMAGE,
 * PROXY_IMAGE_PULL_POLICY, PROXY_LOG_LEVEL, PROXY_RESOURCES (JSON), INJECT_BY_DEFAULT, NATIVE_SIDECARS (auto, true, false).
 * Throws an Error that names the variable and what it takes.
 */
export function injectionFromEnvironment(environment: Environment, rootNamespace: string): InjectionConfig {
  const image = environment['PROXY_IMAGE'] ?? 'localhost/weft-proxy:dev';
  const defaults = defaultInjectionConfig({ image, rootNamespace });
  const imagePullPolicy = pullPolicy(environment['PROXY_IMAGE_PULL_POLICY']);
  return {
    ...defaults,
    ...(imagePullPolicy !== undefined && { imagePullPolicy }),
    logLevel: logLevel(environment['PROXY_LOG_LEVEL']) ?? defaults.logLevel,
    resources: resources(environment['PROXY_RESOURCES']) ?? defaults.resources,
    nativeSidecars: oneOf('NATIVE_SIDECARS', environment, ['auto', 'true', 'false']) !== 'false',
    policy: {
      ...defaults.policy,
      enableNamespacesByDefault: oneOf('INJECT_BY_DEFAULT', environment, ['false', 'true']) === 'true',
    },
  };
}

function oneOf(name: string, environment: Environment, values: readonly string[]): string {
  const value = environment[name] ?? values[0] ?? '';
  if (values.includes(value)) return value;
  throw new Error(`${name} takes ${values.join(', ')}, not '${value}'`);
}

function pullPolicy(value: string | undefined): InjectionConfig['imagePullPolicy'] {
  if (value === undefined || value === 'Always' || value === 'IfNotPresent' || value === 'Never') return value;
  throw new Error(`PROXY_IMAGE_PULL_POLICY takes Always, IfNotPresent or Never, not '${value}'`);
}

function logLevel(value: string | undefined): string | undefined {
  if (value === undefined || logLevelOf(value) !== undefined) return value;
  throw new Error(`PROXY_LOG_LEVEL takes trace, debug, info, warning, error, critical or off, not '${value}'`);
}

function resources(text: string | undefined): V1ResourceRequirements | undefined {
  if (text === undefined) return undefined;
  const value: unknown = parse(text);
  if (isMapping(value)) return value;
  throw new Error(`PROXY_RESOURCES takes {"requests": {…}, "limits": {…}}, not '${text}'`);
}

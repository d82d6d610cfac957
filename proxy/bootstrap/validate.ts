import { systemClock } from '../../common/runtime/clock.js';
import { createLogger } from '../../common/runtime/log.js';
import type { Cluster } from '../../proto/gen/envoy/config/cluster/v3/Cluster.js';
import type { ProxyConfig } from '../config.js';
import { assembleDataPlane } from '../data-plane.js';
import { compileListener } from '../listeners/compile-listener.js';
import { Issues } from '../snapshot/issues.js';
import { SecretHandler } from '../tls/secret-handler.js';
import { adsEndpoint } from '../xds/server-endpoint.js';
import { loadBootstrap } from './read.js';

export interface ValidationResult {
  readonly errors: readonly string[];
  readonly warnings: readonly string[];
}

/** Checks a bootstrap file with all its static resources. Nothing is bound, connected or written. */
export function validateBootstrap(file: string): ValidationResult {
  const loaded = loadBootstrap(file);
  if ('errors' in loaded) return loaded;
  const resources = validateResources(loaded.config);
  return { errors: resources.errors, warnings: [...loaded.warnings, ...resources.warnings] };
}

function validateResources(config: ProxyConfig): ValidationResult {
  const issues = new Issues();
  const runtime = { clock: systemClock, random: Math.random, log: createLogger('validate', 'silent') };
  const plane = assembleDataPlane(config, runtime, { routesMissing: () => false, onChange: () => {} });
  const { listeners = [], clusters = [], secrets = [] } = config.staticResources;
  adsEndpoint(config, issues);
  const upserts = new Map(secrets.map((secret) => [secret.name ?? '', secret]));
  const refused = [
    ...new SecretHandler(plane.secrets, 'static').apply({ upserts, removals: [], version: '' }),
    ...plane.clusters.addStatic(clusters as readonly Cluster[]),
  ];
  plane.clusters.close();
  for (const { resource, message } of refused) issues.error(`${resource}: ${message}`);
  for (const [index, message] of listeners.entries()) {
    const name = message.name ?? `listeners[${index}]`;
    const compiled = compileListener(message, plane.listenerDeps);
    if ('errors' in compiled) for (const error of compiled.errors) issues.error(`${name}: ${error}`);
    else for (const warning of compiled.warnings) issues.warn(`${name}: ${warning}`);
  }
  return { errors: issues.errors, warnings: issues.warnings };
}

import type { Cluster } from '../../proto/gen/envoy/config/cluster/v3/Cluster.js';
import type { SlowStart } from './balancers/warm-up.js';
import type { BalancerConfig } from './cluster-config.js';
import { durationMs, type FieldReport, numberValue } from './fields.js';

const RING_LIMIT = 8 * 1024 * 1024;
const MAGLEV_DEFAULT = 65_537;
const MAGLEV_LIMIT = 5_000_011;

/** lb_policy and its settings. Policies by extension (`load_balancing_policy`) are not part of what we carry. */
export function compileBalancer(message: Cluster, report: FieldReport): BalancerConfig {
  if (message.type === 'ORIGINAL_DST') {
    if (message.lb_policy !== 'CLUSTER_PROVIDED') {
      report.error('lb_policy', 'a cluster of type ORIGINAL_DST needs CLUSTER_PROVIDED');
    }
    return { kind: 'cluster-provided' };
  }
  if (message.cluster_type !== undefined && message.cluster_type !== null) {
    if (message.lb_policy !== 'CLUSTER_PROVIDED') {
      report.error('lb_policy', 'a cluster with cluster_type needs CLUSTER_PROVIDED');
    }
    return { kind: 'cluster-provided' };
  }
  const consistent = message.common_lb_config?.consistent_hashing_lb_config;
  const useHostname = consistent?.use_hostname_for_hashing === true;
  if (numberValue(consistent?.hash_balance_factor) !== undefined) {
    report.warn('common_lb_config.consistent_hashing_lb_config.hash_balance_factor', 'not acted on');
  }
  switch (message.lb_policy ?? 'ROUND_ROBIN') {
    case 'ROUND_ROBIN':
      return {
        kind: 'round-robin',
        ...slowStart(message.round_robin_lb_config?.slow_start_config, 'round_robin_lb_config', report),
      };
    case 'LEAST_REQUEST':
      return compileLeastRequest(message, report);
    case 'RANDOM':
      return { kind: 'random' };
    case 'RING_HASH':
      return compileRingHash(message, useHostname, report);
    case 'MAGLEV':
      return compileMaglev(message, useHostname, report);
    default:
      report.error('lb_policy', `not supported for this type of cluster: ${String(message.lb_policy)}`);
      return { kind: 'round-robin' };
  }
}

function compileLeastRequest(message: Cluster, report: FieldReport): BalancerConfig {
  const config = message.least_request_lb_config;
  const choices = numberValue(config?.choice_count) ?? 2;
  if (choices < 2) report.error('least_request_lb_config.choice_count', 'must be at least 2');
  const bias = Number(config?.active_request_bias?.default_value ?? 1);
  if (bias < 0) report.error('least_request_lb_config.active_request_bias', 'must not be negative');
  return {
    kind: 'least-request',
    choices,
    bias,
    ...slowStart(config?.slow_start_config, 'least_request_lb_config', report),
  };
}

/** Without a window there is no slow start; values that make no sense count as Envoy's defaults. */
function slowStart(
  message: NonNullable<Cluster['round_robin_lb_config']>['slow_start_config'],
  path: string,
  report: FieldReport,
): { readonly slowStart?: SlowStart } {
  const windowMs = durationMs(message?.slow_start_window) ?? 0;
  if (message === undefined || message === null || windowMs <= 0) return {};
  const aggression = Number(message.aggression?.default_value ?? 1);
  if (message.aggression !== undefined && message.aggression !== null && !message.aggression.runtime_key) {
    report.error(`${path}.slow_start_config.aggression.runtime_key`, 'is required');
  }
  const minimum = (numberValue(message.min_weight_percent) ?? 10) / 100;
  return { slowStart: { windowMs, aggression: aggression > 0 ? aggression : 1, minimum } };
}

function compileRingHash(message: Cluster, useHostname: boolean, report: FieldReport): BalancerConfig {
  const config = message.ring_hash_lb_config;
  const minimum = numberValue(config?.minimum_ring_size) ?? 1024;
  const maximum = numberValue(config?.maximum_ring_size) ?? RING_LIMIT;
  if (config?.hash_function === 'MURMUR_HASH_2') {
    report.error('ring_hash_lb_config.hash_function', 'MURMUR_HASH_2 is not supported');
  }
  if (maximum > RING_LIMIT) report.error('ring_hash_lb_config.maximum_ring_size', `above ${RING_LIMIT}`);
  if (minimum > maximum) {
    report.error('ring_hash_lb_config', `minimum_ring_size (${minimum}) > maximum_ring_size (${maximum})`);
  }
  return { kind: 'ring-hash', minimum, maximum, useHostname };
}

function compileMaglev(message: Cluster, useHostname: boolean, report: FieldReport): BalancerConfig {
  const tableSize = numberValue(message.maglev_lb_config?.table_size) ?? MAGLEV_DEFAULT;
  if (tableSize > MAGLEV_LIMIT) report.error('maglev_lb_config.table_size', `above ${MAGLEV_LIMIT}`);
  if (!isPrime(tableSize)) report.error('maglev_lb_config.table_size', 'must be a prime number');
  return { kind: 'maglev', tableSize, useHostname };
}

function isPrime(value: number): boolean {
  if (!Number.isInteger(value) || value < 2) return false;
  for (let divisor = 2; divisor * divisor <= value; divisor++) if (value % divisor === 0) return false;
  return true;
}

import type { Cluster } from '../../proto/gen/envoy/config/cluster/v3/Cluster.js';
import type { LoadBalancerSettings } from '../api/kinds/destination-rule.js';
import { durationMs } from '../model/mesh-settings.js';
import { duration } from './messages.js';

const SIMPLE = {
  UNSPECIFIED: 'LEAST_REQUEST',
  LEAST_CONN: 'LEAST_REQUEST',
  LEAST_REQUEST: 'LEAST_REQUEST',
  ROUND_ROBIN: 'ROUND_ROBIN',
  RANDOM: 'RANDOM',
  // Where the destination is known, the cluster is of another type and this is not asked.
  PASSTHROUGH: 'LEAST_REQUEST',
} as const;

/** Istio's smallest ring when none is asked for. */
const DEFAULT_RING_SIZE = 1024;

/** lb_policy with its settings. */
export function loadBalancer(settings: LoadBalancerSettings | undefined): Partial<Cluster> {
  const hash = settings?.consistentHash;
  if (hash === undefined) return { ...simple(settings) };
  if (hash.maglev !== undefined) {
    const size = hash.maglev.tableSize ?? 0;
    return { lb_policy: 'MAGLEV', ...(size > 0 && { maglev_lb_config: { table_size: { value: size } } }) };
  }
  const size = hash.ringHash?.minimumRingSize || hash.minimumRingSize || DEFAULT_RING_SIZE;
  return { lb_policy: 'RING_HASH', ring_hash_lb_config: { minimum_ring_size: { value: size } } };
}

function simple(settings: LoadBalancerSettings | undefined): Partial<Cluster> {
  const policy = SIMPLE[settings?.simple ?? 'UNSPECIFIED'];
  const slow = slowStart(settings);
  if (slow === undefined || policy === 'RANDOM') return { lb_policy: policy };
  return policy === 'ROUND_ROBIN'
    ? { lb_policy: policy, round_robin_lb_config: { slow_start_config: slow } }
    : { lb_policy: policy, least_request_lb_config: { slow_start_config: slow } };
}

type SlowStart = NonNullable<NonNullable<Cluster['round_robin_lb_config']>['slow_start_config']>;

/** Istio's defaults: a linear rise from 10 %. Envoy wants a name for a setting that can be changed while it runs; there is none. */
function slowStart(settings: LoadBalancerSettings | undefined): SlowStart | undefined {
  const warmup = settings?.warmup;
  if (warmup !== undefined) {
    return {
      slow_start_window: duration(durationMs(warmup.duration, 0)),
      aggression: { default_value: warmup.aggression ?? 1, runtime_key: '(' },
      min_weight_percent: { value: warmup.minimumPercent ?? 10 },
    };
  }
  const window = settings?.warmupDurationSecs;
  return window === undefined ? undefined : { slow_start_window: duration(durationMs(window, 0)) };
}

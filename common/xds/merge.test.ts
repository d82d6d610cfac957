import { describe, expect, it } from 'vitest';
import { mergeMessages } from './merge.js';
import { EXTENSION, TYPE } from './type-urls.js';

const ROUTE = 'type.googleapis.com/envoy.config.route.v3.Route';
const FILTER = 'type.googleapis.com/envoy.config.listener.v3.Filter';

describe('mergeMessages', () => {
  it.each<[string, string, object, object, object]>([
    [
      'scalars that are set win',
      TYPE.cluster,
      { name: 'a', lb_policy: 'RANDOM' },
      { name: 'b' },
      { name: 'b', lb_policy: 'RANDOM' },
    ],
    [
      'what proto3 takes for absent changes nothing',
      TYPE.cluster,
      { name: 'a', lb_policy: 'RANDOM' },
      { name: '', lb_policy: 'ROUND_ROBIN' },
      { name: 'a', lb_policy: 'RANDOM' },
    ],
    [
      'messages are merged',
      TYPE.cluster,
      { eds_cluster_config: { service_name: 'a' } },
      { eds_cluster_config: { eds_config: { ads: {} } } },
      { eds_cluster_config: { service_name: 'a', eds_config: { ads: {} } } },
    ],
    [
      'durations and wrapped scalars are replaced',
      TYPE.cluster,
      { connect_timeout: { seconds: 1, nanos: 5 }, per_connection_buffer_limit_bytes: { value: 1 } },
      { connect_timeout: { seconds: 2 }, per_connection_buffer_limit_bytes: { value: 0 } },
      { connect_timeout: { seconds: 2 }, per_connection_buffer_limit_bytes: { value: 0 } },
    ],
    [
      'lists grow',
      TYPE.route,
      { internal_only_headers: ['a'] },
      { internal_only_headers: ['b'] },
      { internal_only_headers: ['a', 'b'] },
    ],
    [
      'of a oneof the new member stays',
      ROUTE,
      { name: 'r', route: { cluster: 'c' } },
      { direct_response: { status: 410 } },
      { name: 'r', direct_response: { status: 410 } },
    ],
    [
      'entries of maps are replaced',
      TYPE.cluster,
      { metadata: { filter_metadata: { a: { fields: {} }, b: { fields: {} } } } },
      { metadata: { filter_metadata: { b: { fields: { x: { numberValue: 1 } } } } } },
      { metadata: { filter_metadata: { a: { fields: {} }, b: { fields: { x: { numberValue: 1 } } } } } },
    ],
    [
      'an Any is merged with one of its type',
      FILTER,
      { typed_config: { '@type': EXTENSION.tcpProxy, cluster: 'a' } },
      { typed_config: { '@type': EXTENSION.tcpProxy, stat_prefix: 's' } },
      { typed_config: { '@type': EXTENSION.tcpProxy, cluster: 'a', stat_prefix: 's' } },
    ],
    [
      'and replaced by one of another',
      FILTER,
      { typed_config: { '@type': EXTENSION.tcpProxy, cluster: 'a' } },
      { typed_config: { '@type': EXTENSION.networkRbac, stat_prefix: 's' } },
      { typed_config: { '@type': EXTENSION.networkRbac, stat_prefix: 's' } },
    ],
  ])('%s', (_rule, typeUrl, base, added, expected) => {
    const before = structuredClone(base);
    expect(mergeMessages(typeUrl, base, added)).toEqual(expected);
    expect(base).toEqual(before);
  });

  it('puts lists in the place of others when asked to', () => {
    const merged = mergeMessages(
      TYPE.route,
      { internal_only_headers: ['a'] },
      { internal_only_headers: ['b'] },
      'replace',
    );
    expect(merged).toEqual({ internal_only_headers: ['b'] });
  });
});

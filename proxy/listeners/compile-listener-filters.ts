import { EXTENSION } from '../../common/xds/type-urls.js';
import type { Listener__Output } from '../../proto/gen/envoy/config/listener/v3/Listener.js';
import type { ListenerFilter__Output } from '../../proto/gen/envoy/config/listener/v3/ListenerFilter.js';
import type { ListenerFilterChainMatchPredicate__Output } from '../../proto/gen/envoy/config/listener/v3/ListenerFilterChainMatchPredicate.js';
import type { ProxyProtocol__Output } from '../../proto/gen/envoy/extensions/filters/listener/proxy_protocol/v3/ProxyProtocol.js';
import type { Issues } from '../snapshot/issues.js';
import { typeUrlOf, unpacked } from '../snapshot/wire-values.js';
import type { ListenerConfig, PortPredicate, ProxyProtocolConfig } from './config.js';

type Inspector = 'tlsInspector' | 'httpInspector' | 'originalDst';

export type ListenerFilters = Pick<ListenerConfig, Inspector | 'disabledFor' | 'proxyProtocol'>;

const INSPECTORS: Readonly<Record<string, Inspector>> = {
  [EXTENSION.tlsInspector]: 'tlsInspector',
  [EXTENSION.httpInspector]: 'httpInspector',
  [EXTENSION.originalDst]: 'originalDst',
};

/** Compiles a Listener's `listener_filters`. Their order does not matter here: destination, PROXY header, inspectors. */
export function compileListenerFilters(message: Listener__Output, issues: Issues): ListenerFilters {
  const found = { tlsInspector: false, httpInspector: false, originalDst: false };
  const disabledFor: Partial<Record<Inspector, PortPredicate>> = {};
  let proxyProtocol: ProxyProtocolConfig | undefined;
  (message.listener_filters ?? []).forEach((filter, index) => {
    const at = issues.at(index);
    const typeUrl = typeUrlOf(filter.typed_config);
    const inspector = INSPECTORS[typeUrl];
    if (inspector !== undefined) {
      found[inspector] = true;
      const predicate = compileDisabled(filter.filter_disabled, at.at('filter_disabled'));
      if (predicate !== undefined) disabledFor[inspector] = predicate;
    } else if (typeUrl === EXTENSION.proxyProtocol) {
      proxyProtocol = compileProxyProtocol(filter, at);
    } else {
      at.error(`'${filter.name ?? ''}' of type '${typeUrl}' is not supported`);
    }
  });
  return { ...found, disabledFor, ...(proxyProtocol !== undefined && { proxyProtocol }) };
}

function compileProxyProtocol(filter: ListenerFilter__Output, issues: Issues): ProxyProtocolConfig {
  issues.refuse(filter, ['filter_disabled']);
  const config = unpacked<ProxyProtocol__Output>(filter.typed_config ?? {});
  const disallowed = config.disallowed_versions ?? [];
  const versions = new Set<1 | 2>();
  if (!disallowed.includes('V1')) versions.add(1);
  if (!disallowed.includes('V2')) versions.add(2);
  return { optional: config.allow_requests_without_proxy_protocol === true, versions };
}

function compileDisabled(
  message: ListenerFilterChainMatchPredicate__Output | undefined,
  issues: Issues,
): PortPredicate | undefined {
  if (message === undefined) return undefined;
  if (message.any_match === true) return () => true;
  const range = message.destination_port_range;
  if (range !== undefined) {
    const { start = 0, end = 0 } = range;
    return (port) => port >= start && port < end;
  }
  if (message.not_match !== undefined) {
    const inner = compileDisabled(message.not_match, issues.at('not_match'));
    return inner === undefined ? undefined : (port) => !inner(port);
  }
  const set = message.or_match ?? message.and_match;
  if (set === undefined) {
    issues.error('holds no rule that is supported');
    return undefined;
  }
  const field = message.or_match === undefined ? 'and_match' : 'or_match';
  const rules = (set.rules ?? []).flatMap((rule, index) => compileDisabled(rule, issues.at(field).at(index)) ?? []);
  return field === 'or_match'
    ? (port) => rules.some((rule) => rule(port))
    : (port) => rules.every((rule) => rule(port));
}

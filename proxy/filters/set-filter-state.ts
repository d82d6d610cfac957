import type { Config__Output } from '../../proto/gen/envoy/extensions/filters/network/set_filter_state/v3/Config.js';
import type { CompiledNetworkFilter } from '../listeners/compile-deps.js';
import type { Issues } from '../snapshot/issues.js';

const ALPN_KEY = 'envoy.network.application_protocols';

/**
 * envoy.filters.network.set_filter_state, for the one object that we act on: the ALPN protocols, separated by commas, that
 * upstream connections offer in place of their cluster's.
 */
export function compileSetFilterState(message: Config__Output, issues: Issues): CompiledNetworkFilter | undefined {
  let alpn: readonly string[] | undefined;
  (message.on_new_connection ?? []).forEach((value, index) => {
    const at = issues.at('on_new_connection').at(index);
    const text = value.format_string?.text_format_source?.inline_string ?? value.format_string?.text_format ?? '';
    if (value.object_key !== ALPN_KEY) at.error(`'${value.object_key ?? ''}' is not supported`);
    else if (text === '' || text.includes('%')) at.error('only a constant text is supported');
    else alpn = text.split(',').map((protocol) => protocol.trim());
  });
  return alpn === undefined ? undefined : { alpn };
}

import type { Buffer as _envoy_extensions_filters_http_buffer_v3_Buffer, Buffer__Output as _envoy_extensions_filters_http_buffer_v3_Buffer__Output } from '../../../../../../envoy/extensions/filters/http/buffer/v3/Buffer.js';

export interface BufferPerRoute {
  'disabled'?: (boolean);
  'buffer'?: (_envoy_extensions_filters_http_buffer_v3_Buffer | null);
  'override'?: "disabled"|"buffer";
}

export interface BufferPerRoute__Output {
  'disabled'?: (boolean);
  'buffer'?: (_envoy_extensions_filters_http_buffer_v3_Buffer__Output);
}

import type { HttpConnectionManager__Output } from '../../proto/gen/envoy/extensions/filters/network/http_connection_manager/v3/HttpConnectionManager.js';
import type { Issues } from '../snapshot/issues.js';
import { typeUrlOf } from '../snapshot/wire-values.js';

const UUID_REQUEST_ID = 'type.googleapis.com/envoy.extensions.request_id.uuid.v3.UuidRequestIdConfig';

/** Names what an HttpConnectionManager sets and we do not act on. */
export function checkConnectionManager(message: HttpConnectionManager__Output, issues: Issues): void {
  if (message.codec_type === 'HTTP3') issues.at('codec_type').error('HTTP3 is not supported');
  issues.refuse(message, [
    'represent_ipv4_remote_address_as_ipv4_mapped_ipv6',
    'path_normalization_options',
    'original_ip_detection_extensions',
    'strip_trailing_host_dot',
    'proxy_status_config',
    'append_x_forwarded_port',
    'early_header_mutation_extensions',
  ]);
  issues.ignore(message, [
    'delayed_close_timeout',
    'typed_header_validation_config',
    'add_proxy_protocol_connection_state',
    'access_log_flush_interval',
    'flush_access_log_on_new_request',
    'access_log_options',
    'append_local_overload',
  ]);
  const details = message.set_current_client_cert_details;
  if (details?.chain === true) issues.at('set_current_client_cert_details.chain').error('is not supported');
  if (message.add_user_agent?.value === true) issues.at('add_user_agent').error('is not supported');
  if (message.stream_error_on_invalid_http_message?.value === true) {
    issues.at('stream_error_on_invalid_http_message').error('is not supported');
  }
  const requestId = typeUrlOf(message.request_id_extension?.typed_config);
  if (requestId !== '' && requestId !== UUID_REQUEST_ID) {
    issues.at('request_id_extension').error(`'${requestId}' is not supported`);
  }
  if (message.local_reply_config !== undefined) {
    issues.at('local_reply_config').refuse(message.local_reply_config, ['mappers', 'body_format']);
  }
  checkHttp1(message, issues.at('http_protocol_options'));
}

function checkHttp1(message: HttpConnectionManager__Output, issues: Issues): void {
  const options = message.http_protocol_options;
  if (options === undefined) return;
  issues.refuse(options, ['allow_chunked_length', 'send_fully_qualified_url', 'allow_custom_methods']);
  // Names keep their case and trailers pass in any case.
  issues.ignore(options, ['enable_trailers']);
  if (options.header_key_format?.proper_case_words !== undefined) {
    issues.at('header_key_format').error('proper_case_words is not supported');
  }
  if (options.allow_absolute_url?.value === false) issues.at('allow_absolute_url').error('false is not supported');
  if (options.override_stream_error_on_invalid_http_message?.value === true) {
    issues.at('override_stream_error_on_invalid_http_message').error('is not supported');
  }
}

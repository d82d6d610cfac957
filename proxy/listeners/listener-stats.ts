/** Counters as Envoy names them under `listener.ADDRESS.`. */
export interface ListenerStats {
  downstream_cx_total: number;
  downstream_cx_active: number;
  no_filter_chain_match: number;
  /** Failed handshakes, but for those whose certificate was refused. */
  'ssl.connection_error': number;
  'ssl.fail_verify_no_cert': number;
  /** No root vouches for it, or not now. */
  'ssl.fail_verify_error': number;
  /** Its names are none that are expected, or none that a workload may have. */
  'ssl.fail_verify_san': number;
  downstream_listener_filter_remote_close: number;
  downstream_pre_cx_timeout: number;
  downstream_cx_proxy_proto_error: number;
}

export function newListenerStats(): ListenerStats {
  return {
    downstream_cx_total: 0,
    downstream_cx_active: 0,
    no_filter_chain_match: 0,
    'ssl.connection_error': 0,
    'ssl.fail_verify_no_cert': 0,
    'ssl.fail_verify_error': 0,
    'ssl.fail_verify_san': 0,
    downstream_listener_filter_remote_close: 0,
    downstream_pre_cx_timeout: 0,
    downstream_cx_proxy_proto_error: 0,
  };
}

const ENDS = ['source', 'destination'].flatMap((end) => [
  `${end}_workload`,
  `${end}_workload_namespace`,
  `${end}_canonical_service`,
  `${end}_principal`,
]);
const SERVICE = ['destination_service', 'destination_service_name', 'destination_service_namespace'];
const EDGE = ['reporter', ...ENDS, ...SERVICE, 'connection_security_policy', 'request_protocol'];

interface Queried {
  readonly metric: string;
  /** By which it is selected or grouped. */
  readonly labels: readonly string[];
}

const of = (labels: readonly string[], ...metrics: readonly string[]): Queried[] =>
  metrics.map((metric) => ({ metric, labels }));

/** Metrics and labels that the dashboards of Istio 1.20 to 1.29 query (mesh, service, workload, performance, control plane). */
export const ISTIO_DASHBOARDS: readonly Queried[] = [
  ...of([...EDGE, 'response_code', 'response_flags'], 'istio_requests_total'),
  ...of([...EDGE, 'response_code', 'grpc_response_status'], 'istio_requests_total'),
  ...of(
    [...EDGE, 'le'],
    'istio_request_duration_milliseconds_bucket',
    'istio_request_bytes_bucket',
    'istio_response_bytes_bucket',
  ),
  ...of(EDGE, 'istio_request_bytes_sum', 'istio_response_bytes_sum'),
  ...of(
    EDGE,
    'istio_tcp_sent_bytes_total',
    'istio_tcp_received_bytes_total',
    'istio_tcp_connections_opened_total',
    'istio_tcp_connections_closed_total',
  ),
  ...of(['component', 'tag'], 'istio_build'),
  ...of(['cluster_name'], 'envoy_cluster_upstream_cx_active'),
  ...of([], 'pilot_xds', 'pilot_total_xds_internal_errors', 'pilot_services', 'pilot_virt_services'),
  ...of([], 'pilot_xds_cds_reject', 'pilot_xds_eds_reject', 'pilot_xds_lds_reject', 'pilot_xds_rds_reject'),
  ...of(['type'], 'pilot_xds_pushes', 'pilot_total_xds_rejects', 'pilot_push_triggers'),
  ...of(
    ['le'],
    'pilot_proxy_convergence_time_bucket',
    'pilot_xds_push_time_bucket',
    'pilot_xds_config_size_bytes_bucket',
  ),
  ...of(['le'], 'pilot_proxy_queue_time_bucket', 'pilot_pushcontext_init_seconds_bucket', 'pilot_debounce_time_bucket'),
  ...of([], 'citadel_server_csr_count', 'citadel_server_success_cert_issuance_count'),
  ...of([], 'citadel_server_root_cert_expiry_timestamp', 'citadel_server_cert_chain_expiry_timestamp'),
  ...of([], 'process_cpu_seconds_total', 'process_resident_memory_bytes', 'process_virtual_memory_bytes'),
  ...of([], 'galley_validation_passed', 'galley_validation_failed'),
  ...of([], 'sidecar_injection_success_total', 'sidecar_injection_failure_total'),
  ...of(['type', 'event'], 'pilot_k8s_cfg_events', 'pilot_k8s_reg_events'),
  ...of([], 'pilot_conflict_inbound_listener', 'pilot_conflict_outbound_listener_tcp_over_current_tcp'),
  ...of([], 'pilot_xds_write_timeout', 'pilot_duplicate_envoy_clusters'),
  ...of(
    [],
    'go_goroutines',
    'go_memstats_alloc_bytes',
    'go_memstats_heap_inuse_bytes',
    'go_memstats_stack_inuse_bytes',
  ),
  ...of([], 'container_cpu_usage_seconds_total', 'container_memory_working_set_bytes'),
  ...of(['envoy_wasm_runtime'], 'envoy_wasm_envoy_wasm_runtime_null_active'),
];

const NOT_GO =
  'the control plane is no Go program: nodejs_heap_size_used_bytes and nodejs_eventloop_lag_* tell the like';
const CADVISOR = 'the kubelet’s (cAdvisor), in a cluster';
const CLUSTER = 'of the webhooks: in a cluster only';

/** Those of them that a Prometheus does not find after it scraped the demo, with the reason. */
export const NOT_EXPORTED: ReadonlyMap<string, string> = new Map([
  ['pilot_total_xds_rejects', 'nobody refuses anything; it is there with the first refusal'],
  ['galley_validation_passed', CLUSTER],
  ['galley_validation_failed', CLUSTER],
  ['sidecar_injection_success_total', CLUSTER],
  ['sidecar_injection_failure_total', CLUSTER],
  ['pilot_k8s_cfg_events', 'not counted; pilot_push_triggers counts the changes that had an effect'],
  ['pilot_k8s_reg_events', 'not counted; pilot_push_triggers counts the changes that had an effect'],
  ['pilot_conflict_inbound_listener', 'conflicts of ports are findings of `weft analyze`'],
  ['pilot_conflict_outbound_listener_tcp_over_current_tcp', 'conflicts of ports are findings of `weft analyze`'],
  ['pilot_xds_write_timeout', 'a proxy that does not read is told by weft_xds_stale_proxies'],
  ['pilot_duplicate_envoy_clusters', 'clusters are made once for each service: there are no duplicates'],
  ['go_goroutines', NOT_GO],
  ['go_memstats_alloc_bytes', NOT_GO],
  ['go_memstats_heap_inuse_bytes', NOT_GO],
  ['go_memstats_stack_inuse_bytes', NOT_GO],
  ['container_cpu_usage_seconds_total', CADVISOR],
  ['container_memory_working_set_bytes', CADVISOR],
  ['envoy_wasm_envoy_wasm_runtime_null_active', 'our sidecar runs no Wasm; a real Envoy behind the mesh has it'],
]);

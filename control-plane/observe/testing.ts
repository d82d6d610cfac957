import { type EdgeStats, latencyBucket } from '../../common/runtime/edge-report.js';

/** An edge for tests: requests from `from` to `to`, by the name of `service`. */
export function edge(options: {
  readonly count: number;
  readonly from?: string;
  readonly to?: string;
  readonly service?: string;
  readonly reporter?: EdgeStats['reporter'];
  readonly protocol?: EdgeStats['protocol'];
  readonly mtls?: boolean;
  readonly code?: number;
  readonly flags?: string;
  readonly origin?: EdgeStats['responses'][number]['origin'];
  readonly grpcStatus?: number;
  readonly ms?: number;
  readonly open?: number;
}): EdgeStats {
  const {
    count,
    from = 'a',
    to = 'b',
    service = 'b.default.svc.cluster.local',
    mtls = true,
    ms = 5,
    open = 0,
  } = options;
  const { reporter = 'source', protocol = 'http', code = 200, flags = '-', origin = 'upstream', grpcStatus } = options;
  const end = (workload: string) => ({
    workload,
    namespace: workload === 'unknown' ? 'unknown' : 'default',
    principal: mtls && workload !== 'unknown' ? `spiffe://cluster.local/ns/default/sa/${workload}` : 'unknown',
  });
  const response = { code, flags, origin, count, ...(grpcStatus !== undefined && { grpcStatus }) };
  const opened = protocol === 'tcp' ? count : 0;
  return {
    reporter,
    protocol,
    source: end(from),
    destination: { ...end(to), service },
    mtls,
    responses: count === 0 ? [] : [response],
    latency: { count, sumMs: count * ms, buckets: count === 0 ? [] : [[latencyBucket(ms), count]] },
    traffic: { sentBytes: count * 10, receivedBytes: count, opened, closed: opened, open },
  };
}

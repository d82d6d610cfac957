import { EXTENSION } from '../../common/xds/type-urls.js';
import type { Any } from '../../proto/gen/google/protobuf/Any.js';
import { grpcStatusOf } from '../api/grpc-status.js';
import type { HttpFaultInjection } from '../api/kinds/virtual-service.js';
import { durationMs } from '../model/mesh-settings.js';
import { any, duration, fractionalPercent } from './messages.js';

export const FAULT_FILTER = 'envoy.filters.http.fault';

/** A percentage that is not given is none, as in Istio. Undefined when nothing is left that can be injected. */
export function faultConfig({ delay, abort }: HttpFaultInjection): Any | undefined {
  const error = abortError(abort);
  const fault = {
    ...(delay?.fixedDelay !== undefined && {
      delay: {
        fixed_delay: duration(durationMs(delay.fixedDelay, 0)),
        percentage: fractionalPercent(delay.percentage?.value ?? delay.percent ?? 0),
      },
    }),
    ...(error !== undefined && {
      abort: { ...error, percentage: fractionalPercent(abort?.percentage?.value ?? 0) },
    }),
  };
  return Object.keys(fault).length === 0 ? undefined : any(EXTENSION.fault, fault);
}

function abortError(abort: HttpFaultInjection['abort']): { http_status: number } | { grpc_status: number } | undefined {
  if (abort?.httpStatus !== undefined) return { http_status: abort.httpStatus };
  const status = abort?.grpcStatus === undefined ? undefined : grpcStatusOf(abort.grpcStatus);
  return status === undefined ? undefined : { grpc_status: status };
}

import { GRPC_STATUS_NAMES } from '../../common/xds/grpc-status.js';

/** Istio spells one of them as gRPC does. */
const NAMES = GRPC_STATUS_NAMES.with(1, 'CANCELLED');

/** The number of a gRPC status that is written as its name or as its number; undefined when it is neither. */
export function grpcStatusOf(text: string): number | undefined {
  const number = /^\d{1,2}$/.test(text) ? Number(text) : NAMES.indexOf(text);
  return number >= 0 && number < NAMES.length ? number : undefined;
}

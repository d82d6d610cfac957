import type { RuntimeFractionalPercent__Output } from '../../proto/gen/envoy/config/core/v3/RuntimeFractionalPercent.js';
import type { FractionalPercent__Output } from '../../proto/gen/envoy/type/v3/FractionalPercent.js';
import type { Any__Output } from '../../proto/gen/google/protobuf/Any.js';
import type { Duration__Output } from '../../proto/gen/google/protobuf/Duration.js';

/** Milliseconds of a Duration; undefined when it is absent. */
export function durationMs(duration: Duration__Output | undefined): number | undefined {
  if (duration === undefined) return undefined;
  return (duration.seconds ?? 0) * 1000 + (duration.nanos ?? 0) / 1e6;
}

/** Share in [0, 1] of a FractionalPercent; more than the denominator counts as all. */
export function fractionOf(percent: FractionalPercent__Output): number {
  const denominators = { HUNDRED: 100, TEN_THOUSAND: 10_000, MILLION: 1_000_000 };
  return Math.min(1, (percent.numerator ?? 0) / denominators[percent.denominator ?? 'HUNDRED']);
}

/** Default value of a runtime fraction: there is no runtime to override it. Absent means always. */
export function runtimeFraction(fraction: RuntimeFractionalPercent__Output | undefined): number {
  if (fraction === undefined) return 1;
  return fraction.default_value === undefined ? 0 : fractionOf(fraction.default_value);
}

/** Type URL of an Any, unpacked or not. */
export function typeUrlOf(any: Any__Output | undefined): string {
  if (any === undefined) return '';
  if ('@type' in any && typeof any['@type'] === 'string') return any['@type'];
  return 'type_url' in any && typeof any.type_url === 'string' ? any.type_url : '';
}

/** The fields of an unpacked Any, whose type URL the caller has compared. */
export function unpacked<T extends object>(any: Any__Output): T {
  return any as unknown as T;
}

import { SDS_CLUSTER, SECRET_DEFAULT, SECRET_ROOT } from '../../common/xds/names.js';
import { toStruct } from '../../common/xds/struct.js';
import type { Address } from '../../proto/gen/envoy/config/core/v3/Address.js';
import type { ConfigSource } from '../../proto/gen/envoy/config/core/v3/ConfigSource.js';
import type { RuntimeFractionalPercent } from '../../proto/gen/envoy/config/core/v3/RuntimeFractionalPercent.js';
import type { SdsSecretConfig } from '../../proto/gen/envoy/extensions/transport_sockets/tls/v3/SdsSecretConfig.js';
import type { RegexMatcher } from '../../proto/gen/envoy/type/matcher/v3/RegexMatcher.js';
import type { FractionalPercent } from '../../proto/gen/envoy/type/v3/FractionalPercent.js';
import type { Any } from '../../proto/gen/google/protobuf/Any.js';
import type { BoolValue } from '../../proto/gen/google/protobuf/BoolValue.js';
import type { Duration } from '../../proto/gen/google/protobuf/Duration.js';
import type { Struct } from '../../proto/gen/google/protobuf/Struct.js';
import type { UInt32Value } from '../../proto/gen/google/protobuf/UInt32Value.js';

/** google.protobuf.Duration of so many milliseconds; fractions of a millisecond are kept to the nanosecond. */
export function duration(ms: number): Duration {
  const seconds = Math.trunc(ms / 1000);
  const nanos = Math.round((ms - seconds * 1000) * 1e6);
  return nanos === 0 ? { seconds } : { seconds, nanos };
}

export function uint32(value: number): UInt32Value {
  return { value };
}

export function bool(value: boolean): BoolValue {
  return { value };
}

/** An Any, unpacked in place. */
export function any(typeUrl: string, fields: object = {}): Any {
  return { '@type': typeUrl, ...fields } as Any;
}

export function ipAddress(address: string, port: number): Address {
  return { socket_address: { address, port_value: port } };
}

/** What stands before the path of a Unix socket in Istio's API. */
export const UNIX = 'unix://';

/** The address of a Unix socket, from `unix:///path` or `unix://@name`. */
export function pipe(url: string): Address {
  return { pipe: { path: url.slice(UNIX.length) } };
}

/** Resources of this kind come over the aggregated stream. */
export const adsSource: ConfigSource = { ads: {}, resource_api_version: 'V3' };

/** An SDS secret as Istio's configuration refers to it: from the local server behind the cluster `sds-grpc`. */
function sdsSecret(name: string): SdsSecretConfig {
  return {
    name,
    sds_config: {
      api_config_source: {
        api_type: 'GRPC',
        grpc_services: [{ envoy_grpc: { cluster_name: SDS_CLUSTER } }],
        set_node_on_first_message_only: true,
        transport_api_version: 'V3',
      },
      initial_fetch_timeout: duration(0),
      resource_api_version: 'V3',
    },
  };
}

export const ownCertificate: SdsSecretConfig = sdsSecret(SECRET_DEFAULT);
export const meshRoots: SdsSecretConfig = sdsSecret(SECRET_ROOT);

/** google.protobuf.Struct of a JSON object. */
export function struct(json: { readonly [key: string]: unknown }): Struct {
  return toStruct(json) as Struct;
}

/** A percentage in [0, 100], in millionths as Istio sends it. */
export function fractionalPercent(percent: number): FractionalPercent {
  return { numerator: Math.round(percent * 10_000), denominator: 'MILLION' };
}

export function runtimePercent(percent: number): RuntimeFractionalPercent {
  return { default_value: fractionalPercent(percent) };
}

/** RE2; Envoy matches it against the whole value. */
export function regexMatcher(regex: string): RegexMatcher {
  return { regex };
}

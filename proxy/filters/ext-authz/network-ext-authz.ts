import type { ExtAuthz__Output } from '../../../proto/gen/envoy/extensions/filters/network/ext_authz/v3/ExtAuthz.js';
import { FLAG } from '../../http/flags.js';
import type { NetworkFilter, NetworkVerdict } from '../../listeners/config.js';
import type { ServiceClient } from '../../router/forward/service-call.js';
import { compileMetadataMatcher } from '../../router/matchers/metadata-matcher.js';
import type { Issues } from '../../snapshot/issues.js';
import type { CounterSource } from '../counter.js';
import { compileGrpcCheck, connectionAttributes } from './grpc-service.js';

const ALLOWED: NetworkVerdict = { allow: true };

/** Compiles envoy.filters.network.ext_authz: a service that is asked by gRPC decides about connections. */
export function compileNetworkExtAuthz(
  message: ExtAuthz__Output,
  name: string,
  { services, counters }: { readonly services: ServiceClient; readonly counters: CounterSource },
  issues: Issues,
): NetworkFilter {
  issues.refuse(message, ['bootstrap_metadata_labels_key']);
  const check = compileGrpcCheck(message.grpc_service, services, issues.at('grpc_service'));
  const options = {
    peerCertificate: message.include_peer_certificate === true,
    tlsSession: message.include_tls_session === true,
  };
  const { filter_enabled_metadata: condition } = message;
  const enabled =
    condition === undefined ? undefined : compileMetadataMatcher(condition, issues.at('filter_enabled_metadata'));
  const failOpen = message.failure_mode_allow === true;
  const count = (what: string): (() => void) => {
    const counter = counters(`ext_authz.${message.stat_prefix ?? ''}${what}`);
    return () => counter.increment();
  };
  const [total, ok, denied, error, allowedAnyway, disabled] = [
    count('total'),
    count('ok'),
    count('denied'),
    count('error'),
    count('failure_mode_allowed'),
    count('disabled'),
  ];
  const refuse = (details: string): NetworkVerdict => ({ allow: false, details, flags: FLAG.UAEX });
  return {
    name,
    onConnection(connection, notes) {
      if (enabled !== undefined && !enabled(notes.metadata)) {
        disabled();
        return ALLOWED;
      }
      total();
      return check(connectionAttributes(connection, options)).then(
        ({ status }) => {
          if ((status?.code ?? 0) === 0) {
            ok();
            return ALLOWED;
          }
          denied();
          return refuse('ext_authz_denied');
        },
        () => {
          error();
          if (!failOpen) return refuse('ext_authz_error');
          allowedAnyway();
          return ALLOWED;
        },
      );
    },
  };
}

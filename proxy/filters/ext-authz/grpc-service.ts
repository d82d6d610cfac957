import { decodeMessage, encodeMessage } from '../../../common/xds/codec.js';
import { MESSAGE } from '../../../common/xds/type-urls.js';
import type { GrpcService__Output } from '../../../proto/gen/envoy/config/core/v3/GrpcService.js';
import type { HeaderValueOption__Output } from '../../../proto/gen/envoy/config/core/v3/HeaderValueOption.js';
import type { AttributeContext } from '../../../proto/gen/envoy/service/auth/v3/AttributeContext.js';
import type { CheckResponse__Output } from '../../../proto/gen/envoy/service/auth/v3/CheckResponse.js';
import type { OkHttpResponse__Output } from '../../../proto/gen/envoy/service/auth/v3/OkHttpResponse.js';
import { statusNumber } from '../../http/status-name.js';
import type { ConnectionInfo } from '../../http/stream-info.js';
import { callGrpc } from '../../router/forward/grpc-call.js';
import type { ServiceClient } from '../../router/forward/service-call.js';
import type { StringTest } from '../../router/matchers/regex.js';
import type { Issues } from '../../snapshot/issues.js';
import { durationMs } from '../../snapshot/wire-values.js';
import { type Authorizer, allHeaders, type CheckSubject } from './check.js';
import type { HeaderAction, HeaderChange, Verdict } from './verdict.js';

const CHECK = '/envoy.service.auth.v3.Authorization/Check';

/** Sends attributes to a service and reads its answer. Rejects with an Error when there is none. */
export type GrpcCheck = (
  attributes: AttributeContext,
  onCall?: CheckSubject['onCall'],
) => Promise<CheckResponse__Output>;

/** The call that a `grpc_service` stands for. */
export function compileGrpcCheck(
  message: GrpcService__Output | undefined,
  services: ServiceClient,
  issues: Issues,
): GrpcCheck {
  const cluster = message?.envoy_grpc?.cluster_name ?? '';
  if (cluster === '') issues.at('envoy_grpc').at('cluster_name').error('is missing');
  const authority = message?.envoy_grpc?.authority || cluster;
  const timeoutMs = durationMs(message?.timeout) ?? 0;
  const metadata = (message?.initial_metadata ?? []).map(({ key = '', value = '' }): readonly [string, string] => [
    key,
    value,
  ]);
  return async (attributes, onCall) => {
    const request = encodeMessage(MESSAGE.checkRequest, { attributes });
    const answer = await callGrpc(services, {
      cluster,
      authority,
      path: CHECK,
      message: request,
      timeoutMs,
      metadata,
      onCall,
    });
    return decodeMessage<CheckResponse__Output>(MESSAGE.checkResponse, answer);
  };
}

export interface AttributeOptions {
  /** Headers that are told; all when undefined. */
  readonly allowed: StringTest | undefined;
  readonly disallowed: StringTest | undefined;
  readonly packAsBytes: boolean;
  readonly peerCertificate: boolean;
  readonly tlsSession: boolean;
}

/** The service `envoy.service.auth.v3.Authorization` asked about HTTP requests. */
export function grpcAuthorizer(check: GrpcCheck, options: AttributeOptions): Authorizer {
  return async (subject) => {
    try {
      return verdictOf(await check(requestAttributes(subject, options), subject.onCall));
    } catch (error) {
      return { kind: 'error', reason: error instanceof Error ? error.message : String(error) };
    }
  };
}

function requestAttributes(subject: CheckSubject, options: AttributeOptions): AttributeContext {
  const { request, info, body } = subject;
  const told = ([name]: readonly [string, string]): boolean =>
    (options.allowed?.(name) ?? true) && options.disallowed?.(name) !== true;
  return {
    ...connectionAttributes(subject.connection, options),
    request: {
      time: { seconds: Math.floor(info.startEpoch / 1000), nanos: Math.floor(info.startEpoch % 1000) * 1_000_000 },
      http: {
        id: String(info.connection.id),
        method: request.method,
        headers: Object.fromEntries([...allHeaders(subject)].filter(told)),
        path: request.path,
        host: request.authority,
        scheme: request.scheme,
        ...(info.bytesReceived > 0 && { size: info.bytesReceived }),
        protocol: info.protocol,
        ...(body !== undefined &&
          (options.packAsBytes ? { raw_body: body.data } : { body: body.data.toString('utf8') })),
      },
    },
  };
}

/** Both ends of a connection, and how it is secured. */
export function connectionAttributes(
  { remoteIp, remotePort, localIp, localPort, peer }: ConnectionInfo,
  options: Pick<AttributeOptions, 'peerCertificate' | 'tlsSession'>,
): AttributeContext {
  const address = (ip: string, port: number): object => ({ socket_address: { address: ip, port_value: port } });
  const principal = peer.mtls ? (peer.uriSan ?? peer.dnsSans[0] ?? peer.subject) : '';
  return {
    source: {
      address: address(remoteIp, remotePort),
      principal,
      ...(options.peerCertificate && peer.certificate.length > 0 && { certificate: pem(peer.certificate) }),
    },
    destination: { address: address(localIp, localPort), principal: peer.localUriSan ?? '' },
    ...(options.tlsSession && peer.sni !== undefined && { tls_session: { sni: peer.sni } }),
  };
}

/** As Envoy gives it: PEM, percent-encoded. */
function pem(der: Buffer): string {
  const lines = der.toString('base64').match(/.{1,64}/g) ?? [];
  return encodeURIComponent(`-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`);
}

const FORBIDDEN = 403;

function verdictOf({ status, ok_response: ok, denied_response: denied }: CheckResponse__Output): Verdict {
  if ((status?.code ?? 0) === 0) return permit(ok ?? {});
  return {
    kind: 'denied',
    status: statusNumber(denied?.status?.code) ?? FORBIDDEN,
    body: denied?.body ?? '',
    headers: changesOf(denied?.headers, 'add').map(({ name, value }) => [name, value] as const),
  };
}

function permit(ok: OkHttpResponse__Output): Verdict {
  return {
    kind: 'ok',
    request: changesOf(ok.headers, 'append-if-exists'),
    remove: (ok.headers_to_remove ?? []).map((name) => name.toLowerCase()),
    response: changesOf(ok.response_headers_to_add, 'add'),
    query: {
      set: (ok.query_parameters_to_set ?? []).map(({ key = '', value = '' }) => [key, value] as const),
      remove: ok.query_parameters_to_remove ?? [],
    },
  };
}

/** `append` alone decides, as in Envoy: beside what is there, or else in its place. */
function changesOf(options: readonly HeaderValueOption__Output[] | undefined, append: HeaderAction): HeaderChange[] {
  return (options ?? []).map(({ header, append: beside }) => {
    const raw = header?.raw_value;
    const value = raw !== undefined && raw.length > 0 ? raw.toString('latin1') : (header?.value ?? '');
    const action = beside?.value === true ? append : 'set';
    return { name: (header?.key ?? '').toLowerCase(), value: clean(value), action };
  });
}

/** What a service says must not end a line of ours. */
function clean(value: string): string {
  return value.replace(/[\0\r\n]/g, '');
}

import { Server, ServerCredentials, type ServerUnaryCall, type sendUnaryData } from '@grpc/grpc-js';
import { decodeMessage, encodeMessage } from '../../common/xds/codec.js';
import { MESSAGE } from '../../common/xds/type-urls.js';
import type { CheckRequest__Output } from '../../proto/gen/envoy/service/auth/v3/CheckRequest.js';
import type { CheckResponse } from '../../proto/gen/envoy/service/auth/v3/CheckResponse.js';

/** An authorization service (`envoy.service.auth.v3.Authorization`) that answers what the path, or the server name, asks for. */
export async function startAuthzService(port: number): Promise<() => void> {
  const server = new Server();
  server.addService(
    {
      Check: {
        path: '/envoy.service.auth.v3.Authorization/Check',
        requestStream: false,
        responseStream: false,
        requestSerialize: (message: object) => encodeMessage(MESSAGE.checkRequest, message),
        requestDeserialize: (bytes: Buffer) => decodeMessage<CheckRequest__Output>(MESSAGE.checkRequest, bytes),
        responseSerialize: (message: object) => encodeMessage(MESSAGE.checkResponse, message),
        responseDeserialize: (bytes: Buffer) => decodeMessage(MESSAGE.checkResponse, bytes),
      },
    },
    { Check: check },
  );
  await new Promise<void>((resolve, reject) => {
    server.bindAsync(`127.0.0.1:${port}`, ServerCredentials.createInsecure(), (error) =>
      error === null ? resolve() : reject(error),
    );
  });
  return () => server.forceShutdown();
}

const PERMISSION_DENIED = 7;
const UNAVAILABLE = 14;

const header = (key: string, value: string, more: object = {}): object => ({ header: { key, value }, ...more });

/** What is compared of a question: ports, times and ids differ from run to run. */
function told({ attributes }: CheckRequest__Output): string {
  const { http } = attributes?.request ?? {};
  const { id: _id, headers = {}, ...rest } = http ?? {};
  const steady = Object.entries(headers).filter(([name]) => !/^x-(request-id|envoy-peer)/.test(name));
  const raw = rest.raw_body === undefined ? {} : { raw_body: rest.raw_body.toString('base64') };
  return JSON.stringify({
    source: attributes?.source?.principal ?? '',
    destination: attributes?.destination?.principal ?? '',
    http: { ...Object.fromEntries(Object.entries(rest).sort()), ...raw },
    headers: steady.sort(),
  });
}

const ANSWERS: Readonly<Record<string, (request: CheckRequest__Output) => CheckResponse>> = {
  allow: () => ({ status: {} }),
  change: () => ({
    status: {},
    ok_response: {
      headers: [
        header('x-plain', 'new'),
        header('x-set', 'new', { append: { value: false } }),
        header('x-append', 'new', { append: { value: true } }),
        header('x-append-none', 'new', { append: { value: true } }),
        header('x-absent', 'new', { append_action: 'ADD_IF_ABSENT' }),
        header('x-over', 'new', { append_action: 'OVERWRITE_IF_EXISTS_OR_ADD' }),
      ],
      headers_to_remove: ['x-gone', ':method', 'host'],
      response_headers_to_add: [header('x-answer', 'new')],
      query_parameters_to_set: [{ key: 'q', value: 'ab' }],
      query_parameters_to_remove: ['secret'],
    },
  }),
  query: () => ({
    status: {},
    ok_response: {
      query_parameters_to_set: [{ key: 'm', value: 'a/b%20c+d=e' }],
      query_parameters_to_remove: ['secret'],
    },
  }),
  deny: () => ({ status: { code: PERMISSION_DENIED } }),
  login: () => ({
    status: { code: PERMISSION_DENIED },
    denied_response: {
      status: { code: 401 as never },
      headers: [header('www-authenticate', 'Basic'), header('set-cookie', 'a=b'), header('set-cookie', 'c=d')],
      body: 'who are you',
    },
  }),
  tell: (request) => ({ status: { code: PERMISSION_DENIED }, denied_response: { body: told(request) } }),
};

function check(
  { request }: ServerUnaryCall<CheckRequest__Output, CheckResponse>,
  answer: sendUnaryData<CheckResponse>,
): void {
  const [, wanted = ''] = /^\/(\w+)/.exec(request.attributes?.request?.http?.path ?? '/allow') ?? [];
  if (wanted === 'broken') answer({ code: UNAVAILABLE, details: 'broken' });
  else if (wanted !== 'silent') answer(null, (ANSWERS[wanted] ?? ANSWERS['deny'])?.(request) ?? {});
}

import { type ClientHttp2Session, connect, constants } from 'node:http2';
import { createCsr } from '../../../common/identity/csr.js';
import { createKeyPair } from '../../../common/identity/keys.js';
import { encodeMessage } from '../../../common/xds/codec.js';
import { benchToken } from './api-server.js';

const METHOD = '/istio.v1.auth.IstioCertificateService/CreateCertificate';
const REQUEST = 'type.googleapis.com/istio.v1.auth.IstioCertificateRequest';
const SERVER_NAME = 'istiod.istio-system.svc';

export interface CertificateOrder {
  readonly address: string;
  readonly ca: string;
  readonly workloads: number;
  readonly connections: number;
  /** Calls under way on each connection. */
  readonly parallel: number;
  readonly forMs: number;
}

export interface CertificateReport {
  readonly issued: number;
  readonly failed: number;
  readonly lastFailure: string;
}

interface Call {
  readonly token: string;
  readonly frame: Buffer;
}

/** As many certificates as the control plane issues, for workloads in turn, each with its own key, token and request. */
export async function askForCertificates(order: CertificateOrder): Promise<CertificateReport> {
  const calls = await Promise.all(Array.from({ length: order.workloads }, (_, i) => makeCall(i)));
  const sessions = Array.from({ length: order.connections }, () =>
    connect(`https://${order.address}`, { ca: order.ca, servername: SERVER_NAME }),
  );
  const report = { issued: 0, failed: 0, lastFailure: '' };
  const until = performance.now() + order.forMs;
  let next = 0;
  const run = async (session: ClientHttp2Session): Promise<void> => {
    while (performance.now() < until) {
      const call = calls[next++ % calls.length];
      if (call === undefined) return;
      const failure = await issue(session, call);
      if (failure === undefined) report.issued++;
      else {
        report.failed++;
        report.lastFailure = failure;
      }
    }
  };
  await Promise.all(sessions.flatMap((session) => Array.from({ length: order.parallel }, () => run(session))));
  for (const session of sessions) session.destroy();
  return report;
}

async function makeCall(index: number): Promise<Call> {
  const account = `svc-${index}`;
  const { privateKey, publicKey } = await createKeyPair();
  const uri = `spiffe://cluster.local/ns/team-0/sa/${account}`;
  const body = encodeMessage(REQUEST, { csr: createCsr({ privateKey, publicKey, uri }), validity_duration: 86_400 });
  const frame = Buffer.alloc(body.length + 5);
  frame.writeUInt32BE(body.length, 1);
  body.copy(frame, 5);
  return { token: benchToken('team-0', account, `${account}-0`), frame };
}

/** Resolves with why there is no certificate. */
function issue(session: ClientHttp2Session, { token, frame }: Call): Promise<string | undefined> {
  return new Promise((resolve) => {
    let bytes = 0;
    let status = 'no answer';
    const stream = session.request({
      [constants.HTTP2_HEADER_METHOD]: 'POST',
      [constants.HTTP2_HEADER_PATH]: METHOD,
      'content-type': 'application/grpc',
      te: 'trailers',
      authorization: `Bearer ${token}`,
    });
    stream.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
    });
    stream.on('trailers', (trailers) => {
      status = trailers['grpc-status'] === '0' ? '' : String(trailers['grpc-message']);
    });
    stream.on('error', (error) => {
      status = error.message;
    });
    stream.on('close', () => resolve(status === '' && bytes > 0 ? undefined : status || 'an empty answer'));
    stream.end(frame);
  });
}

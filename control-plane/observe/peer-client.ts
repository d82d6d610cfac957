import { Client, credentials, Metadata } from '@grpc/grpc-js';
import { decodeMessage, encodeMessage } from '../../common/xds/codec.js';
import type { PeerAnswer__Output } from '../../proto/gen/weft/observe/v1/PeerAnswer.js';
import type { PeerQuestion } from '../../proto/gen/weft/observe/v1/PeerQuestion.js';
import { PartQueue } from './part-queue.js';
import type { ProxyAnswer } from './view.js';

const QUESTION = 'type.googleapis.com/weft.observe.v1.PeerQuestion';
const ANSWER = 'type.googleapis.com/weft.observe.v1.PeerAnswer';

/** How to reach another replica, and prove that one is one. */
export interface PeerCredentials {
  /** PEM of the roots, and the name in its certificate. */
  readonly roots: string;
  readonly serverName: string;
  readonly token: string;
}

/** Asks another replica (`host:port`). Rejects when it does not answer. */
export async function askPeer(
  target: string,
  path: string,
  { roots, serverName, token }: PeerCredentials,
  signal: AbortSignal,
): Promise<ProxyAnswer> {
  const client = new Client(target, credentials.createSsl(Buffer.from(roots)), {
    'grpc.ssl_target_name_override': serverName,
    'grpc.default_authority': serverName,
    'grpc.use_local_subchannel_pool': 1,
  });
  const metadata = new Metadata();
  metadata.set('authorization', `Bearer ${token}`);
  const call = client.makeServerStreamRequest(
    '/weft.observe.v1.Peers/Ask',
    (question: PeerQuestion) => encodeMessage(QUESTION, question),
    (bytes: Buffer) => decodeMessage<PeerAnswer__Output>(ANSWER, bytes),
    { path },
    metadata,
  );
  const queue = new PartQueue();
  call.on('data', ({ status = 200, data }: PeerAnswer__Output) => queue.push(status, Buffer.from(data ?? ''), false));
  call.on('error', (error) => {
    queue.fail(error);
    client.close();
  });
  call.on('end', () => {
    queue.push(200, Buffer.alloc(0), true);
    client.close();
  });
  signal.addEventListener('abort', () => call.cancel(), { once: true });
  return { status: await queue.status, body: queue };
}

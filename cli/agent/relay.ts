import { readFile } from 'node:fs/promises';
import {
  Client,
  type ClientDuplexStream,
  credentials,
  Metadata,
  type ServerDuplexStream,
  type ServiceDefinition,
  type ServiceError,
  status,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js';
import { messageOf } from '../../common/runtime/errors.js';
import { LARGEST_MESSAGE } from '../../common/xds/limits.js';
import { CONTROL_PLANE_NAME } from '../../common/xds/names.js';
import { ADS_SERVICE } from '../../control-plane/xds/service.js';

const same = (bytes: Buffer): Buffer => bytes;

function opaque(path: string): ServiceDefinition[string] {
  return {
    path,
    requestStream: true,
    responseStream: true,
    requestSerialize: same,
    requestDeserialize: same,
    responseSerialize: same,
    responseDeserialize: same,
  };
}

/** ADS with messages that are not looked into. */
export const RELAYED_SERVICE = {
  StreamAggregatedResources: opaque(ADS_SERVICE.StreamAggregatedResources.path),
  DeltaAggregatedResources: opaque(ADS_SERVICE.DeltaAggregatedResources.path),
} satisfies ServiceDefinition;

export interface RelaySettings {
  readonly xdsAddress: string;
  /** PEM of whom the control plane's certificate must lead to. Read again for every stream, as the token is. */
  readonly rootsPath: string;
  readonly tokenPath: string;
}

type Call = ServerDuplexStream<Buffer, Buffer>;

/** Carries ADS streams to the control plane, with the workload's token on each. Its Envoy does the reconnecting. */
export class AdsRelay {
  private readonly clients = new Set<Client>();

  constructor(private readonly settings: RelaySettings) {}

  handlers(): UntypedServiceImplementation {
    return {
      StreamAggregatedResources: (call: Call) => this.relay(call, RELAYED_SERVICE.StreamAggregatedResources.path),
      DeltaAggregatedResources: (call: Call) => this.relay(call, RELAYED_SERVICE.DeltaAggregatedResources.path),
    };
  }

  close(): void {
    for (const client of this.clients) client.close();
  }

  private relay(call: Call, path: string): void {
    this.open(path).then(
      (upstream) => {
        if (call.cancelled) {
          upstream.cancel();
          return;
        }
        pump(call, upstream);
      },
      (error: unknown) => call.emit('error', { code: status.UNAVAILABLE, details: messageOf(error) }),
    );
  }

  private async open(path: string): Promise<ClientDuplexStream<Buffer, Buffer>> {
    const { xdsAddress, rootsPath, tokenPath } = this.settings;
    const [roots, token] = await Promise.all([readFile(rootsPath), readFile(tokenPath, 'utf8')]);
    const metadata = new Metadata();
    metadata.set('authorization', `Bearer ${token.trim()}`);
    // A channel keeps the roots it was made with, and they may have been rotated since.
    const client = new Client(xdsAddress, credentials.createSsl(roots), {
      'grpc.ssl_target_name_override': CONTROL_PLANE_NAME,
      'grpc.use_local_subchannel_pool': 1,
      'grpc.max_receive_message_length': LARGEST_MESSAGE,
      'grpc.keepalive_time_ms': 30_000,
    });
    this.clients.add(client);
    const stream = client.makeBidiStreamRequest(path, same, same, metadata);
    stream.once('status', () => {
      this.clients.delete(client);
      client.close();
    });
    return stream;
  }
}

/** Both ways with backpressure; the end of one side is the end of the other. */
function pump(call: Call, upstream: ClientDuplexStream<Buffer, Buffer>): void {
  call.on('cancelled', () => upstream.cancel());
  call.on('error', () => upstream.cancel());
  upstream.on('error', (error: ServiceError) => call.emit('error', { code: error.code, details: error.details }));
  forward(call, upstream);
  forward(upstream, call);
}

type Duplex = Pick<Call | ClientDuplexStream<Buffer, Buffer>, 'on' | 'once' | 'write' | 'end' | 'pause' | 'resume'>;

function forward(from: Duplex, to: Duplex): void {
  from.on('data', (bytes: Buffer) => {
    if (to.write(bytes)) return;
    from.pause();
    to.once('drain', () => from.resume());
  });
  from.on('end', () => to.end());
}

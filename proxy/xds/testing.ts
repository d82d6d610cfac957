import { Server, ServerCredentials, type ServerDuplexStream } from '@grpc/grpc-js';
import { decodeMessage, encodeMessage } from '../../common/xds/codec.js';

const MESSAGE = 'type.googleapis.com/envoy.service.discovery.v3';
const SERVICE = '/envoy.service.discovery.v3.AggregatedDiscoveryService';

export interface TestRequest {
  readonly node?: { readonly id?: string; readonly user_agent_name?: string };
  readonly type_url: string;
  readonly version_info?: string;
  readonly resource_names?: readonly string[];
  readonly resource_names_subscribe?: readonly string[];
  readonly resource_names_unsubscribe?: readonly string[];
  readonly initial_resource_versions?: Readonly<Record<string, string>>;
  readonly response_nonce?: string;
  readonly error_detail?: { readonly code?: number; readonly message?: string };
}

/** An xDS server for tests that sends what it is told to and keeps what it receives. */
export class TestXdsServer {
  port = 0;
  /** Tokens of the streams so far. */
  readonly authorizations: string[] = [];
  private server = new Server();
  private stream: ServerDuplexStream<Buffer, Buffer> | undefined;
  private readonly received: { readonly request: TestRequest; readonly delta: boolean }[] = [];
  private waiters: (() => void)[] = [];

  start(port = 0): Promise<void> {
    return this.listen(`127.0.0.1:${port}`);
  }

  /** `ip:port` or `unix:PATH`. */
  async listen(address: string): Promise<void> {
    this.server = new Server();
    const method = (path: string, delta: boolean) => ({
      path,
      requestStream: true,
      responseStream: true,
      requestSerialize: same,
      requestDeserialize: same,
      responseSerialize: same,
      responseDeserialize: same,
      delta,
    });
    this.server.addService(
      {
        sotw: method(`${SERVICE}/StreamAggregatedResources`, false),
        delta: method(`${SERVICE}/DeltaAggregatedResources`, true),
      },
      {
        sotw: (stream: ServerDuplexStream<Buffer, Buffer>) => this.onStream(stream, false),
        delta: (stream: ServerDuplexStream<Buffer, Buffer>) => this.onStream(stream, true),
      },
    );
    this.port = await new Promise<number>((resolve, reject) => {
      this.server.bindAsync(address, ServerCredentials.createInsecure(), (error, bound) =>
        error === null ? resolve(bound) : reject(error),
      );
    });
  }

  /** The next request that the predicate takes; others stay. */
  async next(wanted: (request: TestRequest) => boolean): Promise<TestRequest> {
    for (;;) {
      const index = this.received.findIndex(({ request }) => wanted(request));
      const found = index < 0 ? undefined : this.received.splice(index, 1)[0];
      if (found !== undefined) return found.request;
      await new Promise<void>((resolve) => this.waiters.push(resolve));
    }
  }

  sendSotw(typeUrl: string, version: string, nonce: string, resources: readonly object[]): void {
    this.sendBytes(
      encodeMessage(`${MESSAGE}.DiscoveryResponse`, {
        type_url: typeUrl,
        version_info: version,
        nonce,
        resources: resources.map((resource) => ({ type_url: typeUrl, value: encodeMessage(typeUrl, resource) })),
      }),
    );
  }

  sendDelta(
    typeUrl: string,
    nonce: string,
    resources: readonly { readonly name: string; readonly version: string; readonly message: object }[],
    removed: readonly string[] = [],
  ): void {
    this.sendBytes(
      encodeMessage(`${MESSAGE}.DeltaDiscoveryResponse`, {
        type_url: typeUrl,
        nonce,
        removed_resources: removed,
        resources: resources.map(({ name, version, message }) => ({
          name,
          version,
          resource: { type_url: typeUrl, value: encodeMessage(typeUrl, message) },
        })),
      }),
    );
  }

  sendBytes(bytes: Buffer): void {
    this.stream?.write(bytes);
  }

  /** Ends the current stream from this side. */
  endStream(): void {
    this.stream?.end();
  }

  stop(): void {
    this.server.forceShutdown();
  }

  private onStream(stream: ServerDuplexStream<Buffer, Buffer>, delta: boolean): void {
    this.stream = stream;
    this.authorizations.push(String(stream.metadata.get('authorization')[0] ?? ''));
    stream.on('error', () => {});
    stream.on('end', () => stream.end());
    stream.on('data', (bytes: Buffer) => {
      const name = delta ? 'DeltaDiscoveryRequest' : 'DiscoveryRequest';
      this.received.push({ request: decodeMessage(`${MESSAGE}.${name}`, bytes), delta });
      for (const wake of this.waiters.splice(0)) wake();
    });
  }
}

function same(bytes: Buffer): Buffer {
  return bytes;
}

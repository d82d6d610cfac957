import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { Server, ServerCredentials, type ServerDuplexStream } from '@grpc/grpc-js';
import protobuf from 'protobufjs';

const require = createRequire(import.meta.url);
const PACKAGE = 'envoy.service.discovery.v3';

/** Files of the Envoy API, as gRPC's xDS client carries it, with all that they import. */
const FILES = [
  'envoy/service/discovery/v3/discovery.proto',
  'envoy/config/cluster/v3/cluster.proto',
  'envoy/config/endpoint/v3/endpoint.proto',
  'envoy/config/listener/v3/listener.proto',
  'envoy/config/route/v3/route.proto',
  'envoy/extensions/filters/http/router/v3/router.proto',
  'envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager.proto',
  'envoy/extensions/transport_sockets/tls/v3/tls.proto',
  'envoy/extensions/transport_sockets/tls/v3/secret.proto',
];

function loadEnvoyApi(): protobuf.Root {
  const deps = join(dirname(require.resolve('@grpc/grpc-js-xds/package.json')), 'deps');
  const includes = ['envoy-api', 'googleapis', 'protoc-gen-validate', 'xds'].map((dir) => join(deps, dir));
  const descriptor = require('protobufjs/google/protobuf/descriptor.json');
  protobuf.common('descriptor', descriptor.nested.google.nested.protobuf.nested);
  const root = new protobuf.Root();
  root.resolvePath = (_origin, target) =>
    includes.map((include) => join(include, target)).find((path) => existsSync(path)) ??
    (protobuf.common.get(target) === null ? null : target);
  protobuf.parse('syntax = "proto3"; package opencensus.proto.trace.v1; message TraceConfig {}', root);
  root.loadSync(FILES, { keepCase: true });
  return root;
}

export interface Any {
  readonly type_url: string;
  readonly value: Uint8Array;
}

/** What of a DiscoveryRequest a test looks at. */
export interface XdsRequest {
  readonly version_info?: string;
  readonly node?: { readonly id?: string; readonly user_agent_name?: string };
  readonly resource_names?: readonly string[];
  readonly type_url: string;
  readonly response_nonce?: string;
  readonly error_detail?: { readonly code?: number; readonly message?: string };
}

interface Published {
  readonly version: string;
  readonly resources: readonly Any[];
}

/**
 * Somebody else's control plane: state-of-the-world ADS only, made of grpc-js and Envoy's own protos, with nothing of ours
 * in it. Answers every first request for a type with all that there is of it, and pushes what is published later.
 */
export class ForeignXdsServer {
  readonly requests: XdsRequest[] = [];
  streams = 0;
  private readonly root = loadEnvoyApi();
  private readonly published = new Map<string, Published>();
  private readonly open = new Map<ServerDuplexStream<XdsRequest, Buffer>, Set<string>>();
  private readonly server = new Server();
  private nonces = 0;

  /** Resolves with the port. */
  start(): Promise<number> {
    const request = this.root.lookupType(`${PACKAGE}.DiscoveryRequest`);
    this.server.addService(
      {
        StreamAggregatedResources: {
          path: `/${PACKAGE}.AggregatedDiscoveryService/StreamAggregatedResources`,
          requestStream: true,
          responseStream: true,
          requestSerialize: () => Buffer.alloc(0),
          requestDeserialize: (bytes: Buffer) => request.toObject(request.decode(bytes), { json: true }),
          responseSerialize: (bytes: Buffer) => bytes,
          responseDeserialize: (bytes: Buffer) => bytes,
        },
      },
      { StreamAggregatedResources: (call: ServerDuplexStream<XdsRequest, Buffer>) => this.serve(call) },
    );
    return new Promise((resolve, reject) =>
      this.server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, port) =>
        error === null ? resolve(port) : reject(error),
      ),
    );
  }

  stop(): void {
    this.server.forceShutdown();
  }

  /** A message of the Envoy API in an Any; members as in Envoy's YAML, enums by name. */
  any(name: string, message: object): Any {
    const type = this.root.lookupType(name);
    return { type_url: `type.googleapis.com/${name}`, value: type.encode(type.fromObject(message)).finish() };
  }

  /** Replaces all resources of a type. */
  publish(typeUrl: string, version: string, resources: readonly Any[]): void {
    this.published.set(typeUrl, { version, resources });
    for (const [call, types] of this.open) if (types.has(typeUrl)) this.send(call, typeUrl);
  }

  /** Bytes in place of a response. */
  sendRaw(bytes: Buffer): void {
    for (const call of this.open.keys()) call.write(bytes);
  }

  private serve(call: ServerDuplexStream<XdsRequest, Buffer>): void {
    this.streams++;
    const types = new Set<string>();
    const names = new Map<string, string>();
    this.open.set(call, types);
    call.on('data', (request: XdsRequest) => {
      this.requests.push(request);
      const wanted = [...(request.resource_names ?? [])].sort().join();
      const first = !types.has(request.type_url);
      if (first || names.get(request.type_url) !== wanted) {
        types.add(request.type_url);
        names.set(request.type_url, wanted);
        if (this.published.has(request.type_url)) this.send(call, request.type_url);
      }
    });
    const end = (): void => void this.open.delete(call);
    call.on('end', () => {
      end();
      call.end();
    });
    call.on('cancelled', end);
    call.on('error', end);
  }

  private send(call: ServerDuplexStream<XdsRequest, Buffer>, typeUrl: string): void {
    const { version = '', resources = [] } = this.published.get(typeUrl) ?? {};
    const type = this.root.lookupType(`${PACKAGE}.DiscoveryResponse`);
    const response = {
      version_info: version,
      nonce: `nonce-${++this.nonces}`,
      type_url: typeUrl,
      resources: resources.map(({ type_url, value }) => ({ type_url, value })),
    };
    call.write(Buffer.from(type.encode(type.create(response)).finish()));
  }
}

import { createServer, type Server as HttpServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { Server, ServerCredentials } from '@grpc/grpc-js';
import protobuf from 'protobufjs';
import { checkout } from './demo-process.js';

export interface CollectedSpan {
  readonly service: string;
  readonly name: string;
  readonly kind: string;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentId: string;
  readonly attributes: Readonly<Record<string, string | number>>;
}

export interface CollectedLog {
  readonly service: string;
  readonly body: string;
  readonly attributes: Readonly<Record<string, string | number>>;
}

interface Attribute {
  readonly key: string;
  readonly value: { readonly string_value?: string; readonly int_value?: string };
}

interface Resource {
  readonly resource: { readonly attributes: readonly Attribute[] };
}

interface Batch {
  readonly resource_spans?: readonly (Resource & {
    readonly scope_spans: readonly { readonly spans: readonly Record<string, unknown>[] }[];
  })[];
  readonly resource_logs?: readonly (Resource & {
    readonly scope_logs: readonly { readonly log_records: readonly Record<string, unknown>[] }[];
  })[];
}

/** An OpenTelemetry collector that keeps what it gets: gRPC on one port, HTTP on another. */
export class OtlpCollector {
  readonly spans: CollectedSpan[] = [];
  readonly logs: CollectedLog[] = [];
  /** Requests of logs as they came. */
  readonly logRequests: Buffer[] = [];
  /** Metadata and headers of the last request. */
  headers: Readonly<Record<string, string>> = {};
  readonly ports = { grpc: 0, http: 0 };
  readonly #root = new protobuf.Root().loadSync(join(checkout, 'proto', 'opentelemetry', 'otlp.proto'), {
    keepCase: true,
  });
  readonly #grpc = new Server();
  #http: HttpServer | undefined;

  async start(): Promise<this> {
    const method = (kind: 'Trace' | 'Logs') => ({
      Export: {
        path: `/opentelemetry.proto.collector.${kind.toLowerCase()}.v1.${kind}Service/Export`,
        requestStream: false,
        responseStream: false,
        requestSerialize: (bytes: Buffer) => bytes,
        requestDeserialize: (bytes: Buffer) => bytes,
        responseSerialize: (bytes: Buffer) => bytes,
        responseDeserialize: (bytes: Buffer) => bytes,
      },
    });
    for (const kind of ['Trace', 'Logs'] as const) {
      this.#grpc.addService(method(kind), {
        Export: (
          call: { readonly request: Buffer; readonly metadata: { getMap(): Record<string, unknown> } },
          done: (error: null, answer: Buffer) => void,
        ) => {
          this.headers = Object.fromEntries(Object.entries(call.metadata.getMap()).map(([k, v]) => [k, String(v)]));
          this.#take(kind, call.request);
          done(null, Buffer.alloc(0));
        },
      });
    }
    this.ports.grpc = await new Promise<number>((resolve, reject) => {
      this.#grpc.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, port) =>
        error === null ? resolve(port) : reject(error),
      );
    });
    const http = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        this.headers = Object.fromEntries(Object.entries(request.headers).map(([k, v]) => [k, String(v)]));
        this.#take(request.url?.includes('logs') === true ? 'Logs' : 'Trace', Buffer.concat(chunks));
        response.end();
      });
    });
    this.#http = http;
    await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
    this.ports.http = (http.address() as AddressInfo).port;
    return this;
  }

  stop(): void {
    this.#grpc.forceShutdown();
    this.#http?.close();
  }

  #take(kind: 'Trace' | 'Logs', bytes: Buffer): void {
    if (kind === 'Logs') this.logRequests.push(bytes);
    const type = this.#root.lookupType(`opentelemetry.Export${kind}ServiceRequest`);
    const batch = type.toObject(type.decode(bytes), { longs: String, enums: String, arrays: true }) as Batch;
    for (const { resource, scope_spans } of batch.resource_spans ?? []) {
      const service = String(attributesOf(resource.attributes)['service.name']);
      for (const span of scope_spans.flatMap(({ spans }) => spans)) {
        this.spans.push({
          service,
          name: String(span['name']),
          kind: String(span['kind']),
          traceId: hex(span['trace_id']),
          spanId: hex(span['span_id']),
          parentId: hex(span['parent_span_id']),
          attributes: attributesOf(span['attributes'] as readonly Attribute[]),
        });
      }
    }
    for (const { resource, scope_logs } of batch.resource_logs ?? []) {
      const service = String(attributesOf(resource.attributes)['service.name']);
      for (const record of scope_logs.flatMap(({ log_records }) => log_records)) {
        const body = record['body'] as { readonly string_value?: string } | undefined;
        const attributes = attributesOf(record['attributes'] as readonly Attribute[]);
        this.logs.push({ service, body: body?.string_value ?? '', attributes });
      }
    }
  }
}

function attributesOf(list: readonly Attribute[]): Record<string, string | number> {
  return Object.fromEntries(list.map(({ key, value }) => [key, value.string_value ?? Number(value.int_value)]));
}

function hex(bytes: unknown): string {
  return bytes instanceof Uint8Array ? Buffer.from(bytes).toString('hex') : '';
}

import type { IncomingHttpHeaders } from 'node:http';
import { join } from 'node:path';
import type { ServerUnaryCall, ServiceClientConstructor, sendUnaryData } from '@grpc/grpc-js';
import {
  type ClientUnaryCall,
  credentials,
  loadPackageDefinition,
  Metadata,
  Server,
  ServerCredentials,
} from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { installationRoot } from '../installation.js';
import { DETAILS } from './catalog.js';
import { type MeshAnswer, PASSED_ON } from './mesh-client.js';

type Details = Omit<typeof DETAILS, 'id'> & { readonly id: number };

const DEADLINE_MS = 10_000;

function detailsService(): ServiceClientConstructor {
  const file = join(installationRoot(), 'proto', 'bookinfo', 'details.proto');
  const loaded = loadPackageDefinition(loadSync(file, { keepCase: true, defaults: true }));
  // The one service of the file above.
  return (loaded['bookinfo'] as unknown as { v1: { Details: ServiceClientConstructor } }).v1.Details;
}

/** Serves the sample's details over gRPC. Resolves with what stops it gracefully. */
export function serveDetails(host: string, port: number): Promise<() => void> {
  const server = new Server();
  server.addService(detailsService().service, {
    getDetails: (call: ServerUnaryCall<{ id: number }, Details>, done: sendUnaryData<Details>) =>
      done(null, { ...DETAILS, id: call.request.id }),
  });
  return new Promise((resolve, reject) => {
    server.bindAsync(`${host}:${port}`, ServerCredentials.createInsecure(), (error) => {
      if (error === null) resolve(() => server.tryShutdown(() => undefined));
      else reject(error);
    });
  });
}

/** Asks for details over gRPC: through a sidecar as any request, by the authority, or directly where there is none. */
export class DetailsClient {
  private readonly client: InstanceType<ServiceClientConstructor>;

  /** `authority` is `details:9081`; `proxy` the sidecar's `host:port`. */
  constructor(authority: string, proxy: string | undefined) {
    const options = { 'grpc.default_authority': authority, 'grpc.enable_http_proxy': 0 };
    this.client = new (detailsService())(proxy ?? authority, credentials.createInsecure(), options);
  }

  /** An answer is never an exception; a failed call is status 503 with its reason. */
  get(id: number, inherited: IncomingHttpHeaders): Promise<MeshAnswer> {
    const metadata = new Metadata();
    for (const name of PASSED_ON) {
      const value = inherited[name];
      if (typeof value === 'string' && name !== 'user-agent') metadata.set(name, value);
    }
    return new Promise((resolve) => {
      const method = this.client['getDetails'] as unknown as (
        request: { id: number },
        metadata: Metadata,
        options: { deadline: number },
        done: (error: Error | null, details?: Details) => void,
      ) => ClientUnaryCall;
      method.call(this.client, { id }, metadata, { deadline: Date.now() + DEADLINE_MS }, (error, details) => {
        if (error === null) resolve({ status: 200, body: JSON.stringify(details) });
        else resolve({ status: 503, body: error.message });
      });
    });
  }

  close(): void {
    this.client.close();
  }
}

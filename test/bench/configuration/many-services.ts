import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Generated services, each with three endpoints, as a folder of Istio's YAML. */

export const ENDPOINTS = 3;
/** Services of a file. */
const PER_FILE = 250;
export const SERVICE_PORT = 9080;

export function hostOf(service: number): string {
  return `svc-${service}.bench.svc.cluster.local`;
}

/** Every service has three addresses of its own on this machine, where one application listens at `port` on all of them. */
function addressOf(service: number, endpoint: number, generation: number): string {
  const number = service * ENDPOINTS + endpoint;
  return `127.${1 + (generation % 100)}.${1 + Math.floor(number / 250)}.${1 + (number % 250)}`;
}

function serviceEntry(service: number, port: number, generation: number): string {
  const endpoints = Array.from(
    { length: ENDPOINTS },
    (_, endpoint) =>
      // The last one moves.
      `  - { address: ${addressOf(service, endpoint, endpoint === ENDPOINTS - 1 ? generation : 0)}, ports: { http: ${port} } }\n`,
  );
  return `apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: svc-${service}, namespace: bench }
spec:
  hosts: [${hostOf(service)}]
  location: MESH_INTERNAL
  resolution: STATIC
  ports: [{ number: ${SERVICE_PORT}, name: http, protocol: HTTP }]
  endpoints:
${endpoints.join('')}`;
}

/** A workload with a sidecar that nobody calls: its proxy is told of every service. */
function client(name: string): string {
  return `apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: { name: ${name}, namespace: bench }
spec: { address: 127.0.0.1, ports: { http: 9 }, labels: { app: ${name} }, serviceAccount: ${name} }
`;
}

/** Nobody has a certificate here, and no proxy shall wait for one. */
const PLAIN = `apiVersion: v1
kind: ConfigMap
metadata: { name: istio, namespace: istio-system }
data: { mesh: "enableAutoMtls: false" }
---
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: { name: plain, namespace: bench }
spec: { mtls: { mode: DISABLE } }
`;

export interface Folder {
  readonly path: string;
  readonly services: number;
  /** Where the application of every service listens. */
  readonly port: number;
  readonly clients: readonly string[];
}

/** Writes the whole configuration. The service that {@link moveEndpoint} changes has a file of its own. */
export function writeServices({ path, services, port, clients }: Folder): void {
  mkdirSync(path, { recursive: true });
  writeFileSync(join(path, 'clients.yaml'), [...clients.map(client), PLAIN].join('---\n'));
  for (let first = 1; first < services; first += PER_FILE) {
    const count = Math.min(PER_FILE, services - first);
    const entries = Array.from({ length: count }, (_, index) => serviceEntry(first + index, port, 0));
    writeFileSync(join(path, `services-${first}.yaml`), entries.join('---\n'));
  }
  moveEndpoint({ path, services, port, clients }, 0);
}

/** The last endpoint of service 0 gets another address; 0 to 99. */
export function moveEndpoint({ path, port }: Folder, generation: number): void {
  writeFileSync(join(path, 'moving.yaml'), serviceEntry(0, port, generation));
}

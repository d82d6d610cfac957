import { cpSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { SAMPLE_WORKLOADS, type SampleWorkload } from '../bookinfo/catalog.js';
import { installationRoot } from '../installation.js';
import { freePorts } from './free-ports.js';

/** The file of the sample's folder that the demo writes itself at every start. */
export const WORKLOADS_FILE = 'workloads.yaml';

/**
 * Prepares the sample's folder: the shipped files where they are missing, so that a user's edits survive, and the
 * workloads with ports that are free now. Returns whether the folder was there before.
 */
export async function prepareSampleFolder(folder: string): Promise<boolean> {
  const existed = existsSync(join(folder, 'routes.yaml'));
  mkdirSync(folder, { recursive: true });
  cpSync(join(installationRoot(), 'deploy', 'samples', 'bookinfo-local'), folder, { recursive: true, force: false });
  writeFileSync(join(folder, WORKLOADS_FILE), await workloads());
  return existed;
}

async function workloads(): Promise<string> {
  const [grpc, ...ports] = await freePorts(SAMPLE_WORKLOADS.size + 1);
  const documents = [...SAMPLE_WORKLOADS].map(([name, { service, version }], index) => ({
    apiVersion: 'networking.istio.io/v1',
    kind: 'WorkloadEntry',
    metadata: { name, namespace: 'default' },
    spec: {
      address: '127.0.0.1',
      ...portsOf(service, ports[index], grpc),
      labels: { app: service, version },
      serviceAccount: `bookinfo-${service}`,
    },
  }));
  const head = '# Where the sample runs. `weft demo` writes this file at every start, with ports that are free then.\n';
  return head + documents.map((document) => stringify(document)).join('---\n');
}

function portsOf(service: SampleWorkload['service'], port: number | undefined, grpc: number | undefined): object {
  if (service === 'traffic') return {};
  if (service === 'ratings-db') return { ports: { tcp: port } };
  return { ports: service === 'details' ? { http: port, grpc } : { http: port } };
}

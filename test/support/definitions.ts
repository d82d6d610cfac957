import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { checkout } from './demo-process.js';
import type { TestCluster } from './kubernetes.js';

/** Installs every kind of deploy/crds. */
export async function installDefinitions(cluster: TestCluster): Promise<void> {
  const folder = join(checkout, 'deploy', 'crds');
  for (const file of readdirSync(folder)) await cluster.apply(readFileSync(join(folder, file), 'utf8'));
}

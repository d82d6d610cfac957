import { expect, it } from 'vitest';
import { kubectl, MESH, PLAIN, run, SYSTEM, until } from './cluster.js';
import { PROMETHEUS_ROLE } from './measurements.js';

const KINDS =
  'mutatingwebhookconfigurations,validatingwebhookconfigurations,clusterroles,clusterrolebindings,customresourcedefinitions';

async function names(kinds: string, pattern: RegExp): Promise<string[]> {
  const text = await kubectl(
    'get',
    kinds,
    '-A',
    '-o',
    'custom-columns=K:.kind,NS:.metadata.namespace,N:.metadata.name',
    '--no-headers',
  );
  return text.split('\n').filter((line) => pattern.test(line));
}

/** Everything goes: what was installed, and what the control plane has made since. */
export function uninstalling(): void {
  it('leaves nothing behind', async () => {
    await kubectl('delete', 'namespace', MESH, PLAIN, '--ignore-not-found');
    await run('kubectl', ['delete', '--ignore-not-found', '-f', '-'], PROMETHEUS_ROLE);
    await run(process.execPath, ['bin/weft.mjs', 'uninstall', '--purge', '--yes']);
    await until(
      'the end of the namespace',
      async () => (await names('namespaces', new RegExp(`\\b${SYSTEM}$`))).length === 0,
    );
    expect(await names(KINDS, /weft|istio\.io|split\.smi-spec\.io/)).toEqual([]);
    expect(await names('configmaps,secrets,leases.coordination.k8s.io', /weft|istio/)).toEqual([]);
  });
}

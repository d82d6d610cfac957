import type { EdgeEnd, EdgeStats } from '../../common/runtime/edge-report.js';
import type { MeshSnapshot } from '../model/snapshot.js';

const ACCOUNT = /^spiffe:\/\/[^/]+\/ns\/([^/]+)\/sa\/([^/]+)$/;

/**
 * Names callers by their identity where nothing else does: TCP carries no description of who calls, but mTLS proves an account. Only
 * an account of one workload tells which.
 */
export function nameCallers(edges: readonly EdgeStats[], snapshot: MeshSnapshot | undefined): readonly EdgeStats[] {
  const isAnonymous = ({ source, mtls }: EdgeStats): boolean => mtls && source.workload === 'unknown';
  if (snapshot === undefined || !edges.some(isAnonymous)) return edges;
  const accounts = workloadsByAccount(snapshot);
  return edges.map((edge) => {
    if (!isAnonymous(edge)) return edge;
    const [, namespace = '', account = ''] = ACCOUNT.exec(edge.source.principal) ?? [];
    const found = accounts.get(`${namespace}/${account}`);
    return found === undefined ? edge : { ...edge, source: { ...found, principal: edge.source.principal } };
  });
}

type Named = Omit<EdgeEnd, 'principal'>;

/** By `namespace/account`; undefined where several workloads share it. */
function workloadsByAccount({ workloads }: MeshSnapshot): Map<string, Named | undefined> {
  const accounts = new Map<string, Named | undefined>();
  for (const { namespace, serviceAccount, workloadName } of workloads.values()) {
    const key = `${namespace}/${serviceAccount}`;
    const known = accounts.get(key);
    if (!accounts.has(key)) accounts.set(key, { workload: workloadName, namespace });
    else if (known?.workload !== workloadName) accounts.set(key, undefined);
  }
  return accounts;
}

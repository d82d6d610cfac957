import type { CaReport } from '../../control-plane/ca/report.js';
import type { MeshAccess } from '../mesh/access.js';

/** The CA as all replicas of the control plane see it: one report, with the proxies of each. Throws when none answers. */
export async function readStatus(mesh: MeshAccess, onSilent: (message: string) => void): Promise<CaReport> {
  const replicas = await mesh.controlPlanes();
  const answers = await Promise.allSettled(
    replicas.map(async (replica) => JSON.parse(await replica.get('/debug/ca')) as CaReport),
  );
  const reports = answers.flatMap((answer) => (answer.status === 'fulfilled' ? [answer.value] : []));
  answers.forEach((answer, index) => {
    if (answer.status === 'fulfilled') return;
    const { reason } = answer as { reason: unknown };
    if (reports.length === 0) throw reason;
    onSilent(
      `${replicas[index]?.name ?? ''} does not answer: ${reason instanceof Error ? reason.message : String(reason)}`,
    );
  });
  return joined(reports);
}

/** The leader's word counts: it alone has asked everybody, and has answered requests. */
export function joined(reports: readonly CaReport[]): CaReport {
  const leader =
    reports.find(({ rotation }) => rotation?.settled === true || (rotation?.waitingFor.length ?? 0) > 0) ??
    reports.find(({ lastRequest }) => lastRequest !== undefined) ??
    reports[0];
  if (leader === undefined) throw new Error('no control plane answers');
  const asked = reports.find(({ lastRequest }) => lastRequest !== undefined)?.lastRequest;
  return {
    ...leader,
    proxies: reports.flatMap(({ proxies }) => proxies),
    ...(asked !== undefined && { lastRequest: asked }),
  };
}

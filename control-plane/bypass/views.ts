import type { BypassState } from '../../common/observe/mesh-state.js';
import type { Allotments } from '../model/allotment.js';
import { buildSnapshot, madeLike } from '../model/build.js';
import { type MtlsMode, PeerAuthentications } from '../model/peer-authentication.js';
import type { Workload } from '../model/service.js';
import type { MeshSnapshot } from '../model/snapshot.js';
import type { ConfigSet } from '../sources/source.js';
import { Bypasses } from './bypass.js';
import { plainSet } from './plain-set.js';

/** The mesh as most see it, and as sidecars do that only pass on. */
export interface MeshViews {
  readonly whole: MeshSnapshot;
  /** Undefined when there are no such sidecars. */
  readonly plain: MeshSnapshot | undefined;
  readonly bypasses: Bypasses;
  readonly asked: readonly BypassState[];
}

/** Builds what the proxies' configuration is made from. */
export function buildViews(
  set: ConfigSet,
  allotments: Allotments,
  asked: readonly BypassState[],
  previous: MeshViews | undefined,
): MeshViews {
  // Caches hang on the shape of a snapshot, which says nothing about bypasses.
  const before = JSON.stringify(previous?.asked ?? []) === JSON.stringify(asked) ? previous : undefined;
  const bypasses = before?.bypasses ?? new Bypasses(asked);
  const whole = buildSnapshot(set, allotments, before?.whole);
  if (!bypasses.any) return { whole, plain: undefined, bypasses, asked };
  const plain = buildSnapshot(plainSet(set), allotments, before?.plain);
  return { whole: withoutMtls(whole, bypasses), plain: withoutMtls(plain, bypasses), bypasses, asked };
}

/** What a proxy's configuration is made from. A gateway has nothing to pass on without its routes. */
export function viewFor(views: MeshViews, namespace: string, workload: string, role: string): MeshSnapshot {
  const { whole, plain, bypasses } = views;
  if (plain === undefined || role === 'router') return whole;
  const known = whole.workloads.get(`${namespace}/${workload}`) ?? {
    namespace,
    name: workload,
    workloadName: workload,
  };
  return bypasses.of(known) === undefined ? whole : plain;
}

/** Whoever is without mTLS accepts both, and is called in plaintext. */
function withoutMtls(snapshot: MeshSnapshot, bypasses: Bypasses): MeshSnapshot {
  // A snapshot of the same shape has it already.
  if (snapshot.inPlaintext !== undefined) return snapshot;
  const inPlaintext = (workload: Workload): boolean => bypasses.of(workload)?.mtls === false;
  const peerAuthentications = new RelaxedAuthentications(snapshot.peerAuthentications, inPlaintext);
  return madeLike({ ...snapshot, inPlaintext, peerAuthentications }, snapshot);
}

class RelaxedAuthentications extends PeerAuthentications {
  constructor(
    private readonly inner: PeerAuthentications,
    private readonly relaxed: (workload: Workload) => boolean,
  ) {
    super([], [], '');
  }

  override mode(workload: Workload, port: number): MtlsMode {
    return relax(this.inner.mode(workload, port), this.relaxed(workload));
  }

  override workloadMode(workload: Workload): MtlsMode {
    return relax(this.inner.workloadMode(workload), this.relaxed(workload));
  }

  override ports(workload: Workload): number[] {
    return this.inner.ports(workload);
  }
}

function relax(mode: MtlsMode, relaxed: boolean): MtlsMode {
  return relaxed && mode === 'strict' ? 'permissive' : mode;
}

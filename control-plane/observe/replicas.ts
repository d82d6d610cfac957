import { joinAddress } from '../../common/runtime/address.js';
import type { Clock } from '../../common/runtime/clock.js';
import { CONTROL_PLANE_NAME } from '../../common/xds/names.js';
import type { Issuer } from '../ca/issuer.js';
import type { MeshSnapshot } from '../model/snapshot.js';
import type { Peers } from './joined-view.js';
import { askPeer } from './peer-client.js';
import { issuePeerToken } from './peer-token.js';

export interface ReplicaOptions {
  readonly snapshot: () => MeshSnapshot | undefined;
  /** Host of the Service in front of all replicas. */
  readonly host: string;
  /** This replica's pod. */
  readonly podName: string;
  /** The TLS port for xDS, the same for all. */
  readonly port: number;
  readonly issuer: Issuer;
  readonly clock: Clock;
}

/** The other replicas behind our Service, asked on the port for xDS over TLS. */
export function replicaPeers({ snapshot, host, podName, port, issuer, clock }: ReplicaOptions): Peers {
  return {
    targets: () => {
      const service = snapshot()?.services.find((known) => known.host === host);
      const others = (service?.endpoints ?? []).filter(
        ({ workload, health }) => workload.name !== podName && health === 'healthy',
      );
      return [...new Set(others.map(({ workload }) => joinAddress(workload.address, port)))];
    },
    ask: async (target, path, signal) => {
      const { privateKey, roots } = issuer.authority;
      const token = await issuePeerToken(privateKey, clock);
      return askPeer(target, path, { roots, serverName: CONTROL_PLANE_NAME, token }, signal);
    },
  };
}

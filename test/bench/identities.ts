import { join } from 'node:path';
import { createKeyPair, privateKeyPem } from '../../common/identity/keys.js';
import { formatSpiffeId } from '../../common/identity/spiffe.js';
import { systemClock } from '../../common/runtime/clock.js';
import { createLogger } from '../../common/runtime/log.js';
import { Issuer } from '../../control-plane/ca/issuer.js';
import { loadRootCa } from '../../control-plane/ca/root.js';

/** A workload's certificate as the mesh's CA issues it; all PEM. */
export interface Identity {
  readonly uri: string;
  /** Leaf, then root. */
  readonly certificate: string;
  readonly privateKey: string;
  readonly root: string;
}

const HOUR_SECONDS = 3600;

/** Identities of two workloads below one fresh root, whose key stays in `folder`. */
export async function createIdentities(folder: string): Promise<{ client: Identity; server: Identity }> {
  const log = createLogger('bench', 'silent');
  const root = await loadRootCa({ stateDir: join(folder, 'state'), organization: 'bench' }, systemClock, log);
  const issuer = new Issuer(root, { defaultTtlSeconds: HOUR_SECONDS, maxTtlSeconds: HOUR_SECONDS }, systemClock);
  const issue = async (serviceAccount: string): Promise<Identity> => {
    const keys = await createKeyPair();
    const uri = formatSpiffeId({ trustDomain: 'cluster.local', namespace: 'default', serviceAccount });
    const { chain } = issuer.issue(keys.publicKey, { uris: [uri] }, 0);
    return { uri, certificate: chain.join(''), privateKey: privateKeyPem(keys.privateKey), root: root.pem };
  };
  return { client: await issue('client'), server: await issue('server') };
}

import { X509Certificate } from 'node:crypto';
import { splitCertificates } from '../../common/identity/pem.js';
import { messageOf } from '../../common/runtime/errors.js';
import { ISSUER_PREFIX, SECRET_ROOT } from '../../common/xds/names.js';
import { TYPE } from '../../common/xds/type-urls.js';
import type { TrustBundle__Output } from '../../proto/gen/weft/ca/v1/TrustBundle.js';
import type { ResourceError, ResourceHandler, ResourceUpdate } from '../xds/resources.js';
import { unionOf } from './issued-chain.js';

/** Whom the control plane says that we are to trust. */
export interface TrustBundle {
  /** PEM. */
  readonly roots: string;
  /** SHA-256 of the certificate that signs, hex; empty where somebody outside does. */
  readonly issuer: string;
  /** PEM by trust domain: roots that vouch for names of that domain only. */
  readonly federated: ReadonlyMap<string, string>;
}

/** Takes the trust bundle that the control plane pushes. */
export class TrustHandler implements ResourceHandler {
  readonly typeUrl = TYPE.trustBundle;

  constructor(private readonly take: (bundle: TrustBundle) => void) {}

  apply({ upserts }: ResourceUpdate): readonly ResourceError[] {
    // A bundle that is withdrawn stays in force: without roots nobody could be trusted.
    const message = upserts.get(SECRET_ROOT) as TrustBundle__Output | undefined;
    if (message === undefined) return [];
    try {
      this.take(readBundle(message));
      return [];
    } catch (error) {
      return [{ resource: SECRET_ROOT, message: messageOf(error) }];
    }
  }
}

/** What to ask for: the bundle, and by a name that nobody has, who signed the certificate that we have. */
export function trustNames(issuer: string | undefined): ReadonlySet<string> {
  return new Set(issuer === undefined ? [SECRET_ROOT] : [SECRET_ROOT, `${ISSUER_PREFIX}${issuer}`]);
}

function readBundle({ roots = '', issuer = '', federated = {} }: TrustBundle__Output): TrustBundle {
  checkRoots('roots', roots);
  for (const [domain, pem] of Object.entries(federated)) checkRoots(`roots of ${domain}`, pem);
  return { roots: unionOf(roots, ''), issuer, federated: new Map(Object.entries(federated)) };
}

function checkRoots(what: string, pem: string): void {
  const certificates = splitCertificates(pem).map((one) => new X509Certificate(one));
  if (certificates.length === 0) throw new Error(`${what}: there is no certificate`);
  const leaf = certificates.find(({ ca }) => !ca);
  if (leaf !== undefined) throw new Error(`${what}: ${leaf.subject} is no certificate authority`);
}

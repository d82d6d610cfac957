import { splitCertificates } from '../../common/identity/pem.js';
import { SECRET_ROOT } from '../../common/xds/names.js';
import type { Authority } from './authority.js';
import type { ExternalSigner } from './external-signer.js';
import type { ForeignRoots } from './foreign-roots.js';
import type { Issuer } from './issuer.js';
import { fingerprintOf } from './rotation.js';

/** The TrustBundle (weft.ca.v1) in force: one object until something in it changes, so that it is encoded once. */
export class TrustResource {
  private of: { readonly authority: Authority; readonly foreign: string } | undefined;
  private made: ReadonlyMap<string, object> = new Map();

  constructor(
    private readonly issuer: Issuer,
    private readonly foreign: () => ForeignRoots,
    private readonly external?: ExternalSigner,
  ) {}

  resources(): ReadonlyMap<string, object> {
    const { authority } = this.issuer;
    const foreign = this.foreign();
    const ours = this.external?.roots ?? authority.roots;
    const key = JSON.stringify({ foreign, ours });
    if (this.of?.authority !== authority || this.of.foreign !== key) {
      this.of = { authority, foreign: key };
      const roots = [...new Set(splitCertificates(ours + foreign.own))].join('');
      // Who signs elsewhere is not known here: nobody renews because of it.
      const issuer = this.external === undefined ? fingerprintOf(authority.certificate.toString()) : '';
      this.made = new Map([[SECRET_ROOT, { name: SECRET_ROOT, roots, issuer, federated: foreign.federated }]]);
    }
    return this.made;
  }
}

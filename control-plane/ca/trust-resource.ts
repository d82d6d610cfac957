import { SECRET_ROOT } from '../../common/xds/names.js';
import type { Authority } from './authority.js';
import type { Issuer } from './issuer.js';
import { fingerprintOf } from './rotation.js';

/** The TrustBundle (weft.ca.v1) of the authority in force: one object until another takes its place, so that it is encoded once. */
export class TrustResource {
  private of: Authority | undefined;
  private made: ReadonlyMap<string, object> = new Map();

  constructor(private readonly issuer: Issuer) {}

  resources(): ReadonlyMap<string, object> {
    const { authority } = this.issuer;
    if (authority !== this.of) {
      this.of = authority;
      const issuer = fingerprintOf(authority.certificate.toString());
      this.made = new Map([[SECRET_ROOT, { name: SECRET_ROOT, roots: authority.roots, issuer }]]);
    }
    return this.made;
  }
}

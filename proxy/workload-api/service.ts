import { createPrivateKey } from 'node:crypto';
import { type ServerWritableStream, status, type UntypedServiceImplementation } from '@grpc/grpc-js';
import { fromPem } from '../../common/identity/pem.js';
import { trustDomainOf } from '../../common/identity/spiffe.js';
import { SECRET_DEFAULT, SECRET_ROOT } from '../../common/xds/names.js';
import { uriSanOf } from '../tls/peer.js';
import type { SecretStore } from '../tls/secrets.js';
import type { NoParameters, X509BundlesResponse, X509SvidResponse } from './messages.js';

/** With it a caller shows that it means this API: a browser or a proxy that was talked into calling cannot (section 4.1). */
const SECURITY_HEADER = 'workload.spiffe.io';

/** The workload's own identity, for the workload itself: streams that get every renewal. */
export class WorkloadApi {
  constructor(private readonly secrets: SecretStore) {}

  handlers(): UntypedServiceImplementation {
    return {
      FetchX509SVID: (call: ServerWritableStream<NoParameters, X509SvidResponse>) =>
        this.serve(call, ({ svid }) => ({ svids: [svid] })),
      FetchX509Bundles: (call: ServerWritableStream<NoParameters, X509BundlesResponse>) =>
        this.serve(call, ({ svid, trustDomain }) => ({ bundles: { [`spiffe://${trustDomain}`]: svid.bundle } })),
    };
  }

  private serve<Response>(
    call: ServerWritableStream<NoParameters, Response>,
    response: (identity: Identity) => Response,
  ): void {
    if (call.metadata.get(SECURITY_HEADER)[0] !== 'true') {
      call.emit('error', {
        code: status.INVALID_ARGUMENT,
        details: `the metadata ${SECURITY_HEADER}: true is missing`,
      });
      return;
    }
    let sent: string | undefined;
    const push = (): void => {
      const identity = identityOf(this.secrets);
      // Without one yet the stream waits, as applications do that start before their sidecar is ready.
      if (identity === undefined || identity.version === sent) return;
      sent = identity.version;
      call.write(response(identity));
    };
    const watch = this.secrets.watch(push);
    for (const event of ['cancelled', 'error', 'close']) call.on(event, () => watch.cancel());
    push();
  }
}

interface Identity {
  readonly version: string;
  readonly trustDomain: string;
  readonly svid: X509SvidResponse['svids'][number];
}

/** undefined before certificate and roots are both there, and for a certificate that names no workload. */
function identityOf(secrets: SecretStore): Identity | undefined {
  const own = secrets.get(SECRET_DEFAULT);
  const roots = secrets.get(SECRET_ROOT);
  if (own?.kind !== 'certificate' || roots?.kind !== 'roots') return undefined;
  const spiffe_id = uriSanOf(own.certificateChain) ?? '';
  const trustDomain = trustDomainOf(spiffe_id);
  if (trustDomain === undefined) return undefined;
  return {
    version: own.certificateChain + roots.pem,
    trustDomain,
    svid: {
      spiffe_id,
      x509_svid: Buffer.concat(fromPem('CERTIFICATE', own.certificateChain)),
      x509_svid_key: createPrivateKey(own.privateKey).export({ type: 'pkcs8', format: 'der' }),
      bundle: Buffer.concat(fromPem('CERTIFICATE', roots.pem)),
    },
  };
}

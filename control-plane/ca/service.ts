import type { KeyObject } from 'node:crypto';
import {
  type ServerUnaryCall,
  type ServiceDefinition,
  type sendUnaryData,
  status,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js';
import { type ParsedCsr, parseCsr } from '../../common/identity/csr.js';
import { weaknessOf } from '../../common/identity/keys.js';
import { formatSpiffeId } from '../../common/identity/spiffe.js';
import { messageOf } from '../../common/runtime/errors.js';
import type { Logger } from '../../common/runtime/log.js';
import { method } from '../../common/xds/grpc-method.js';
import type { IstioCertificateRequest } from '../../proto/gen/istio/v1/auth/IstioCertificateRequest.js';
import type { IstioCertificateResponse } from '../../proto/gen/istio/v1/auth/IstioCertificateResponse.js';
import { bearerToken } from '../xds/rpc.js';
import { type ClientGuard, TooManyRefusals } from './client-guard.js';
import type { ExternalSigner } from './external-signer.js';
import { BusyError, Gate } from './gate.js';
import type { IssuedCertificate, Issuer } from './issuer.js';
import { type Caller, isUndecided, type TokenVerifier } from './tokens.js';

export const CA_SERVICE = {
  CreateCertificate: method<IstioCertificateRequest, IstioCertificateResponse>({
    path: '/istio.v1.auth.IstioCertificateService/CreateCertificate',
    streaming: false,
    request: 'istio.v1.auth.IstioCertificateRequest',
    response: 'istio.v1.auth.IstioCertificateResponse',
  }),
} satisfies ServiceDefinition;

const MAX_CSR_CHARACTERS = 64 * 1024;
const LIMITS = { running: 32, waiting: 2048 };

/** What happens at the CA, for the metrics. */
export interface CaEvents {
  requested(): void;
  authenticationFailed(): void;
  csrUnreadable(): void;
  identityRefused(): void;
  signFailed(): void;
  issued(): void;
}

export interface CaServiceOptions {
  readonly issuer: Issuer;
  /** Signs in the issuer's place. */
  readonly external?: ExternalSigner | undefined;
  readonly verifier: TokenVerifier;
  readonly guard: ClientGuard;
  /** The mesh's own, then its aliases. Asked anew for every certificate. */
  readonly trustDomains: () => readonly [own: string, ...aliases: string[]];
  readonly events: CaEvents;
  readonly log: Logger;
}

class Refusal extends Error {
  constructor(
    readonly code: status,
    message: string,
  ) {
    super(message);
  }
}

/** `istio.v1.auth.IstioCertificateService`: certificates for callers that prove who they are. */
export class CaService {
  private readonly gate = new Gate(LIMITS);

  constructor(private readonly options: CaServiceOptions) {}

  handlers(): UntypedServiceImplementation {
    return {
      CreateCertificate: (
        call: ServerUnaryCall<IstioCertificateRequest, IstioCertificateResponse>,
        done: sendUnaryData<IstioCertificateResponse>,
      ) => {
        this.gate
          .run(() => this.create(call))
          .then(
            (response) => done(null, response),
            (error: unknown) => done(this.refuse(call.getPeer(), error)),
          );
      },
    };
  }

  private async create(
    call: ServerUnaryCall<IstioCertificateRequest, IstioCertificateResponse>,
  ): Promise<IstioCertificateResponse> {
    const { issuer, external, events, log } = this.options;
    events.requested();
    const caller = await this.authenticate(call);
    const ttlSeconds = lifetimeOf(call.request);
    const csr = this.read(call.request.csr ?? '');
    const uri = this.identityFor(csr, caller);
    const { chain, notAfter } = await (external === undefined
      ? this.sign(csr.publicKey, uri, ttlSeconds)
      : this.signElsewhere(external, call.request.csr ?? '', csr, uri, ttlSeconds));
    events.issued();
    log.debug(
      { identity: uri, notAfter: new Date(notAfter).toISOString(), issuer: external?.name ?? issuer.authority.source },
      'issued a certificate',
    );
    return { cert_chain: [...chain] };
  }

  private async authenticate(call: ServerUnaryCall<unknown, unknown>): Promise<Caller> {
    const token = bearerToken(call);
    const { guard, verifier, events } = this.options;
    try {
      guard.admit(call.getPeer(), token);
      if (token === undefined) throw new Error('there is no bearer token');
      const caller = await verifier.verify(token);
      guard.proved(token);
      return caller;
    } catch (error) {
      events.authenticationFailed();
      if (error instanceof TooManyRefusals) throw new Refusal(status.RESOURCE_EXHAUSTED, error.message);
      throw new Refusal(isUndecided(error) ? status.UNAVAILABLE : status.UNAUTHENTICATED, messageOf(error));
    }
  }

  private read(pem: string): ParsedCsr {
    try {
      if (pem.length > MAX_CSR_CHARACTERS) throw new Error('the certificate request is too long');
      const csr = parseCsr(pem);
      const weakness = weaknessOf(csr.publicKey);
      if (weakness !== undefined) throw new Error(weakness);
      return csr;
    } catch (error) {
      this.options.events.csrUnreadable();
      throw new Refusal(status.INVALID_ARGUMENT, messageOf(error));
    }
  }

  /**
   * The caller's own identity; a request that names anything else is refused, not corrected. A proxy that started before
   * the mesh changed its trust domain goes on asking for the earlier one, and gets it as long as that is an alias.
   */
  private identityFor(csr: ParsedCsr, caller: Caller): string {
    const { namespace, serviceAccount } = caller;
    const [current, ...aliases] = this.options.trustDomains();
    const idIn = (trustDomain: string): string => formatSpiffeId({ trustDomain, namespace, serviceAccount });
    const own = aliases.map(idIn).find((uri) => csr.uris[0] === uri) ?? idIn(current);
    const foreign = csr.uris.find((uri) => uri !== own) ?? csr.dnsNames[0];
    if (foreign === undefined && csr.otherNames === 0) return own;
    this.options.events.identityRefused();
    throw new Refusal(
      status.PERMISSION_DENIED,
      `${own} may not have a certificate for ${JSON.stringify(foreign ?? 'names that are no URI')}`,
    );
  }

  /** The request goes there as it is, so it must ask for its name and nothing else. */
  private async signElsewhere(
    external: ExternalSigner,
    csr: string,
    { publicKey, uris, emptySubject }: ParsedCsr,
    uri: string,
    ttlSeconds: number,
  ): Promise<IssuedCertificate> {
    if (uris.length !== 1 || !emptySubject) {
      this.options.events.identityRefused();
      throw new Refusal(
        status.PERMISSION_DENIED,
        `an external signer is asked for ${uri} alone: one URI, and no subject`,
      );
    }
    try {
      return await external.sign({ csr, publicKey, uri, ttlSeconds });
    } catch (error) {
      this.options.events.signFailed();
      this.options.log.error(
        { identity: uri, signer: external.name, reason: messageOf(error) },
        'could not sign a certificate',
      );
      throw new Refusal(status.UNAVAILABLE, 'the certificate could not be signed');
    }
  }

  private sign(publicKey: KeyObject, uri: string, ttlSeconds: number): IssuedCertificate {
    try {
      return this.options.issuer.issue(publicKey, { uris: [uri] }, ttlSeconds);
    } catch (error) {
      this.options.events.signFailed();
      this.options.log.error({ err: error }, 'could not sign a certificate');
      throw new Refusal(status.INTERNAL, 'the certificate could not be signed');
    }
  }

  private refuse(peer: string, error: unknown): { code: status; details: string } {
    const code =
      error instanceof Refusal ? error.code : error instanceof BusyError ? status.UNAVAILABLE : status.INTERNAL;
    const details = messageOf(error);
    this.options.guard.refused(peer, { message: 'refused a certificate', status: status[code], reason: details });
    return { code, details };
  }
}

function lifetimeOf(request: IstioCertificateRequest): number {
  const seconds = Number(request.validity_duration ?? 0);
  if (!Number.isFinite(seconds) || seconds < 0) {
    throw new Refusal(status.INVALID_ARGUMENT, 'the requested lifetime is negative');
  }
  return seconds;
}

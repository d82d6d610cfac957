import { randomUUID } from 'node:crypto';
import type { Clock } from '../../common/runtime/clock.js';
import { messageOf, WeftError } from '../../common/runtime/errors.js';
import type { Logger } from '../../common/runtime/log.js';
import { pause } from '../../common/runtime/pause.js';
import { ApiError, isConflict, isNotFound, type KubernetesApi, type KubernetesObject } from '../kubernetes/api.js';
import { checkSigned, type ExternalSigner, type SigningRequest } from './external-signer.js';
import type { IssuedCertificate } from './issuer.js';

const PATH = '/apis/certificates.k8s.io/v1/certificatesigningrequests';
/** Who calls the CA waits ten seconds. */
const PATIENCE_MS = 9000;
const LOOK_MS = { first: 50, most: 500 };
/** The API server takes no shorter lifetime. */
const MIN_SECONDS = 600;
const USAGES = ['digital signature', 'key encipherment', 'server auth', 'client auth'];

interface Condition {
  readonly type: string;
  readonly status?: string;
  readonly reason?: string;
  readonly message?: string;
}

interface CertificateSigningRequest extends KubernetesObject {
  readonly status?: { readonly conditions?: readonly Condition[]; readonly certificate?: string };
}

export interface KubernetesSignerOptions {
  readonly api: KubernetesApi;
  /** Kubernetes' name of the signer: `clusterissuers.cert-manager.io/mesh`. */
  readonly signerName: string;
  readonly roots: () => string;
  readonly defaultTtlSeconds: number;
  readonly maxTtlSeconds: number;
  readonly clock: Clock;
  readonly log: Logger;
}

/**
 * Signs by CertificateSigningRequests (certificates.k8s.io/v1), as Istio's registration authority does: each is made, approved where
 * we may, and deleted when the signer has answered.
 */
export class KubernetesSigner implements ExternalSigner {
  readonly name: string;
  private told = false;

  constructor(private readonly options: KubernetesSignerOptions) {
    this.name = `Kubernetes signer ${options.signerName}`;
  }

  get roots(): string {
    return this.options.roots();
  }

  async sign(request: SigningRequest): Promise<IssuedCertificate> {
    const { api, clock } = this.options;
    const made = await api.request<CertificateSigningRequest>({
      method: 'POST',
      path: PATH,
      body: this.objectFor(request),
    });
    const path = `${PATH}/${made.metadata?.name ?? ''}`;
    try {
      await this.approve(path, made);
      return checkSigned(await this.signed(path), this.roots, request, clock.now());
    } finally {
      void api.request({ method: 'DELETE', path }).catch((error: unknown) => {
        if (!isNotFound(error)) this.options.log.warn({ path, reason: messageOf(error) }, 'could not delete a request');
      });
    }
  }

  private objectFor({ csr, ttlSeconds }: SigningRequest): object {
    const { signerName, defaultTtlSeconds, maxTtlSeconds } = this.options;
    const wanted = Math.min(ttlSeconds === 0 ? defaultTtlSeconds : ttlSeconds, maxTtlSeconds);
    return {
      apiVersion: 'certificates.k8s.io/v1',
      kind: 'CertificateSigningRequest',
      metadata: {
        name: `weft-workload-${randomUUID()}`,
        labels: { 'app.kubernetes.io/managed-by': 'weft-control-plane' },
      },
      spec: {
        request: Buffer.from(csr).toString('base64'),
        signerName,
        usages: USAGES,
        expirationSeconds: Math.max(MIN_SECONDS, wanted),
      },
    };
  }

  /** Where we may not, or somebody was faster, whoever else approves is waited for. */
  private async approve(path: string, made: CertificateSigningRequest): Promise<void> {
    const approved = {
      type: 'Approved',
      status: 'True',
      reason: 'WeftApproved',
      message: 'the workload has proved its account to the control plane',
    };
    try {
      const body = { ...made, status: { ...made.status, conditions: [approved] } };
      await this.options.api.request({ method: 'PUT', path: `${path}/approval`, body });
    } catch (error) {
      if (error instanceof ApiError && error.status === 403) this.tellOnce(error.message);
      else if (!isConflict(error)) throw error;
    }
  }

  private tellOnce(reason: string): void {
    if (this.told) return;
    this.told = true;
    this.options.log.warn({ reason }, 'requests for certificates are left to somebody else to approve');
  }

  private async signed(path: string): Promise<string> {
    const { api, clock, signerName } = this.options;
    const until = clock.monotonic() + PATIENCE_MS;
    const never = new AbortController().signal;
    for (let wait = LOOK_MS.first; clock.monotonic() < until; wait = Math.min(wait * 2, LOOK_MS.most)) {
      const { status } = await api.request<CertificateSigningRequest>({ method: 'GET', path });
      const refusal = status?.conditions?.find(({ type }) => type === 'Denied' || type === 'Failed');
      if (refusal !== undefined) {
        throw fault(`${signerName}: ${refusal.type}, ${refusal.reason ?? ''} ${refusal.message ?? ''}`.trim());
      }
      if (status?.certificate !== undefined && status.certificate !== '') {
        return Buffer.from(status.certificate, 'base64').toString('utf8');
      }
      await pause(clock, wait, never);
    }
    throw fault(`${signerName} has not signed within ${PATIENCE_MS / 1000} s: does its controller run?`);
  }
}

function fault(message: string): WeftError {
  return new WeftError(message, { source: 'ca', retryable: true });
}

import { readFile } from 'node:fs/promises';
import { Client, credentials, Metadata } from '@grpc/grpc-js';
import { readCertificate } from '../../common/identity/certificate.js';
import { createCsr } from '../../common/identity/csr.js';
import { createKeyPair, privateKeyPem } from '../../common/identity/keys.js';
import { Backoff } from '../../common/runtime/backoff.js';
import type { Clock, Random, Timer } from '../../common/runtime/clock.js';
import type { Logger } from '../../common/runtime/log.js';
import { CA_SERVICE } from '../../control-plane/ca/service.js';

export interface Credential {
  /** PEM; only ever in this process's memory and on the socket to its own Envoy. */
  readonly privateKey: string;
  /** PEM: the certificate and what is between it and the root. */
  readonly chain: string;
  readonly root: string;
}

export interface CertificateSettings {
  readonly caAddress: string;
  /** PEM that the CA's own certificate is checked against. */
  readonly rootPem: string;
  readonly tokenPath: string;
  readonly identity: string;
  readonly ttlSeconds: number;
}

/** A workload's certificate, renewed between half and four fifths of its life, with back-off when the CA does not answer. */
export class RenewedCertificate {
  private credential: Credential | undefined;
  private timer: Timer | undefined;
  private stopped = false;
  private readonly backoff: Backoff;

  constructor(
    private readonly settings: CertificateSettings,
    private readonly onChange: () => void,
    private readonly clock: Clock,
    private readonly random: Random,
    private readonly log: Logger,
  ) {
    this.backoff = new Backoff({ baseMs: 500, maxMs: 30_000, random });
  }

  get current(): Credential | undefined {
    return this.credential;
  }

  /** Asks for the first certificate and goes on renewing; never rejects. */
  async start(): Promise<void> {
    let wait: number;
    try {
      const received = this.clock.now();
      this.credential = await requestCertificate(this.settings);
      this.backoff.reset();
      this.onChange();
      wait = (readCertificate(this.credential.chain).notAfter - received) * (0.5 + 0.3 * this.random());
    } catch (error) {
      this.log.warn({ err: error }, 'no certificate from the control plane; trying again');
      wait = this.backoff.next();
    }
    if (!this.stopped) this.timer = this.clock.after(wait, () => void this.start());
  }

  stop(): void {
    this.stopped = true;
    this.timer?.cancel();
  }
}

async function requestCertificate(settings: CertificateSettings): Promise<Credential> {
  const keys = await createKeyPair();
  const metadata = new Metadata();
  metadata.set('authorization', `Bearer ${(await readFile(settings.tokenPath, 'utf8')).trim()}`);
  const request = { csr: createCsr({ ...keys, uri: settings.identity }), validity_duration: settings.ttlSeconds };
  const client = new Client(settings.caAddress, credentials.createSsl(Buffer.from(settings.rootPem)), {
    'grpc.ssl_target_name_override': CONTROL_PLANE_NAME,
  });
  try {
    const { path, requestSerialize, responseDeserialize } = CA_SERVICE.CreateCertificate;
    const chain = await new Promise<readonly string[]>((done, fail) => {
      const options = { deadline: Date.now() + 10_000 };
      client.makeUnaryRequest(
        path,
        requestSerialize,
        responseDeserialize,
        request,
        metadata,
        options,
        (error, answer) => (error === null ? done(answer?.cert_chain ?? []) : fail(error)),
      );
    });
    const root = chain.at(-1);
    if (root === undefined || chain.length < 2) throw new Error('the CA answered without a certificate');
    return { privateKey: privateKeyPem(keys.privateKey), chain: chain.slice(0, -1).join(''), root };
  } finally {
    client.close();
  }
}

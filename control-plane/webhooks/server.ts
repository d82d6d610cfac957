import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { Clock } from '../../common/runtime/clock.js';
import { messageOf } from '../../common/runtime/errors.js';
import type { Logger } from '../../common/runtime/log.js';
import type { Issuer } from '../ca/issuer.js';
import type { ConfigSet } from '../sources/source.js';
import { type AdmissionRequest, type AdmissionResponse, readReview, writeReview } from './admission.js';
import { type BodyLimits, BodyReader } from './body-reader.js';
import type { InjectionConfig } from './inject/config.js';
import { answerInjection } from './inject/handler.js';
import { withMeshConfig } from './inject/mesh-values.js';
import type { WebhookEvents } from './metrics.js';
import { ServingCertificate } from './serving-certificate.js';
import { answerValidation } from './validate/handler.js';

const MEBIBYTE = 1024 * 1024;
/** An object of etcd has 1.5 MiB at most; a review of a change carries two. */
const BODIES: BodyLimits = { each: 8 * MEBIBYTE, small: MEBIBYTE / 4, together: 64 * MEBIBYTE };
/** The API server gives up on a webhook after 10 s, unless told otherwise. */
const REQUEST_MS = 10_000;

export interface WebhookServerOptions {
  readonly issuer: Issuer;
  /** Names of the Service under which the API server calls. */
  readonly dnsNames: readonly string[];
  readonly addresses?: readonly string[];
  readonly injection: InjectionConfig;
  /** The configuration that is in force; undefined before there is one. */
  readonly configuration: () => ConfigSet | undefined;
  readonly events: WebhookEvents;
  readonly clock: Clock;
  readonly log: Logger;
  /** How long a client may take for a TLS handshake, and for a request, in ms. */
  readonly requestMs?: number;
}

type Answer = (request: AdmissionRequest) => AdmissionResponse;

/** `/inject` and `/validate` for the API server, over TLS. Its certificate changes without a restart. */
export class WebhookServer {
  private readonly server: Server;
  private readonly certificate: ServingCertificate;
  private readonly answers: Readonly<Record<string, Answer>>;
  private readonly bodies = new BodyReader(BODIES);

  constructor(private readonly options: WebhookServerOptions) {
    const { issuer, dnsNames, addresses = [], clock, log, requestMs = REQUEST_MS } = options;
    const patience = {
      handshakeTimeout: requestMs,
      headersTimeout: requestMs,
      requestTimeout: requestMs,
      connectionsCheckingInterval: requestMs / 2,
    };
    this.server = createServer(patience, (request, response) => {
      this.serve(request, response).catch((error: unknown) => {
        log.error({ reason: messageOf(error) }, 'a webhook call failed');
        if (!response.headersSent) response.writeHead(500);
        response.end();
      });
    });
    this.certificate = new ServingCertificate({
      issuer,
      dnsNames,
      addresses,
      clock,
      log,
      onCertificate: (context) => this.server.setSecureContext(context),
    });
    this.answers = { '/inject': (review) => this.inject(review), '/validate': (review) => this.validate(review) };
  }

  /** Resolves with the port that was taken. */
  async listen(host: string, port: number): Promise<number> {
    await this.certificate.start();
    await new Promise<void>((resolve, reject) => {
      this.server.once('error', reject);
      this.server.listen(port, host, resolve);
    });
    // Listening: the address is one of TCP.
    return (this.server.address() as AddressInfo).port;
  }

  async close(): Promise<void> {
    this.certificate.stop();
    this.server.closeIdleConnections();
    await new Promise<void>((resolve) => this.server.close(() => resolve()));
  }

  private async serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = (request.url ?? '').split('?')[0] ?? '';
    // Istio's injection URL may go on with what the node is to know: /inject/cluster/NAME/net/NAME.
    const answer = this.answers[path.startsWith('/inject/') ? '/inject' : path];
    if (answer === undefined) return this.refuse(response, 404, 'there are /inject and /validate');
    if (request.method !== 'POST') return this.refuse(response, 405, 'only POST');
    const body = await this.bodies.read(request);
    if (body === 'too-long') return this.refuse(response, 413, `more than ${BODIES.each} bytes`);
    if (body === 'busy') return this.refuse(response, 503, 'too many large reviews at once');
    if (body === 'broken-off') return;
    const review = readReview(parsed(body.text));
    if (review === undefined) return this.refuse(response, 400, 'no AdmissionReview of admission.k8s.io/v1');
    const text = JSON.stringify(writeReview(review.uid, this.guarded(answer, review)));
    response.writeHead(200, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) });
    response.end(text);
  }

  /** Whatever goes wrong here, the object is not let in: a pod must not start without its sidecar unnoticed. */
  private guarded(answer: Answer, review: AdmissionRequest): AdmissionResponse {
    try {
      return answer(review);
    } catch (error) {
      this.options.log.error({ err: error, namespace: review.namespace }, 'a webhook could not answer');
      return { allowed: false, code: 500, message: `the control plane could not judge it: ${messageOf(error)}` };
    }
  }

  private inject(review: AdmissionRequest): AdmissionResponse {
    const { injection, configuration, clock, events, log } = this.options;
    const start = clock.monotonic();
    const answered = (outcome: 'injected' | 'skipped' | 'failed'): void =>
      events.injection(outcome, (clock.monotonic() - start) / 1000);
    try {
      const set = configuration();
      const { outcome, response } = answerInjection(review, withMeshConfig(injection, set), set);
      answered(outcome);
      if (!response.allowed) log.warn({ namespace: review.namespace, reason: response.message }, 'a pod was refused');
      return response;
    } catch (error) {
      answered('failed');
      throw error;
    }
  }

  private validate(review: AdmissionRequest): AdmissionResponse {
    const { passed, group, kind, response } = answerValidation(review, this.options.configuration());
    this.options.events.validation(passed, group, kind);
    return response;
  }

  private refuse(response: ServerResponse, status: number, reason: string): void {
    this.options.events.badRequest(status);
    response.writeHead(status, { 'content-type': 'text/plain', connection: 'close' });
    response.end(`${reason}\n`);
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

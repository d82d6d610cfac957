import type { Random } from '../../common/runtime/clock.js';
import type { HeaderList } from '../http/headers.js';
import type { RequestHead, ResponseHead } from '../http/message.js';
import type { StreamInfo } from '../http/stream-info.js';
import { decide } from './sampling.js';
import type { SpanTag } from './span.js';
import { isError, requestTags } from './tags.js';
import { MALFORMED, type NewId, randomId, type TraceContext } from './trace-context.js';
import type { TracingConfig } from './tracer.js';

const OPERATION = 'x-envoy-decorator-operation';

interface AttemptSpan {
  readonly context: TraceContext;
  readonly start: number;
  readonly tags: SpanTag[];
  error: boolean;
}

/** The part that one request has in a trace: continued or begun with its head, told upstream, recorded at its end. */
export class RequestTrace {
  /** Set by the route, or by the other side's sidecar, which knows the route. */
  private operation = '';
  /** What the response tells the client's sidecar. */
  private told = '';
  private attempt: AttemptSpan | undefined = undefined;

  private constructor(
    private readonly config: TracingConfig,
    readonly context: TraceContext,
    private readonly parentId: string,
    private readonly newId: NewId,
  ) {}

  /** Decides about one request; its headers and its ID are changed as they have to travel on. */
  static begin(
    config: TracingConfig,
    request: RequestHead,
    info: StreamInfo,
    random: Random,
    newId: NewId = randomId,
  ): RequestTrace {
    const { headers } = request;
    const decision = decide(config.sampling, headers, info.requestId, random);
    config.count(decision.reason);
    if (decision.requestId !== info.requestId) {
      info.requestId = decision.requestId;
      headers.set('x-request-id', decision.requestId);
    }
    const { tracer } = config;
    const received = tracer.extract(headers);
    if (received === MALFORMED) return RequestTrace.silent(config, headers, newId);
    const { parent, sampled } = received;
    const context: TraceContext = {
      traceId: parent?.traceId ?? newId(tracer.traceIdBytes),
      spanId: newId(8),
      sampled: sampled ?? decision.reason !== 'not_traceable',
      state: parent?.state ?? '',
    };
    const trace = new RequestTrace(config, context, parent?.spanId ?? '', newId);
    if (config.propagates) tracer.inject(headers, context, trace.parentId);
    if (!config.egress) trace.takeOperation(headers);
    info.traceId = context.traceId;
    info.spanId = context.spanId;
    return trace;
  }

  /** What came cannot be understood: it is passed on, and nothing is recorded. */
  private static silent(config: TracingConfig, headers: HeaderList, newId: NewId): RequestTrace {
    const nothing: TraceContext = { traceId: '', spanId: '', sampled: false, state: '' };
    const trace = new RequestTrace({ ...config, propagates: false }, nothing, '', newId);
    if (!config.egress) trace.takeOperation(headers);
    return trace;
  }

  /** The client's sidecar knows the route that was meant; the application is not told. */
  private takeOperation(headers: HeaderList): void {
    this.operation = headers.get(OPERATION) ?? '';
    headers.delete(OPERATION);
  }

  /** The route is known: it names the span, and tells the other side. */
  onRoute(decorator: string | undefined, request: RequestHead): void {
    if (decorator === undefined) return;
    if (this.config.egress) {
      this.operation = decorator;
      request.headers.set(OPERATION, decorator);
    } else if (this.operation === '') {
      this.operation = decorator;
      this.told = decorator;
    }
  }

  onResponse(head: ResponseHead): void {
    if (this.config.egress) {
      const told = head.headers.get(OPERATION);
      if (told === undefined) return;
      this.operation = told;
      head.headers.delete(OPERATION);
    } else if (this.told !== '') {
      head.headers.set(OPERATION, this.told);
    }
  }

  /** An attempt is about to be sent; with spans of its own it is the parent that upstream sees. `now` in ms since the epoch. */
  beginAttempt(headers: HeaderList, host: string, cluster: string, now: number): void {
    if (!this.config.attemptSpans) return;
    this.endAttempt(now);
    const context: TraceContext = { ...this.context, spanId: this.newId(8) };
    if (this.config.propagates) this.config.tracer.inject(headers, context, this.context.spanId);
    if (!context.sampled) return;
    const tags: SpanTag[] = [
      ['component', 'proxy'],
      ['upstream_cluster', cluster],
      ['upstream_cluster.name', cluster],
      ['upstream_address', host],
      ['peer.address', host],
    ];
    this.attempt = { context, start: now, tags, error: true };
  }

  attemptAnswered(status: number): void {
    const { attempt } = this;
    if (attempt === undefined) return;
    attempt.error = status >= 500;
    attempt.tags.push(['http.status_code', String(status)]);
  }

  private endAttempt(now: number): void {
    const { attempt, config } = this;
    if (attempt === undefined) return;
    this.attempt = undefined;
    const cluster = attempt.tags[1]?.[1] ?? '';
    config.tracer.sink.add({
      context: attempt.context,
      parentId: this.context.spanId,
      name: `router ${cluster} egress`,
      kind: 'client',
      start: attempt.start,
      end: now,
      error: attempt.error,
      tags: attempt.tags,
    });
  }

  /** Once, when the info is final. */
  finish(info: StreamInfo, request: RequestHead, response: ResponseHead | undefined): void {
    const { config, context } = this;
    if (!context.sampled) return;
    const end = info.startEpoch + Math.max(0, info.end - info.start);
    this.endAttempt(end);
    config.tracer.sink.add({
      context,
      parentId: this.parentId,
      name: this.nameOf(info),
      kind: config.egress && !config.attemptSpans ? 'client' : 'server',
      start: info.startEpoch,
      end,
      error: isError(info),
      tags: requestTags(config, { info, request, response }),
    });
  }

  private nameOf(info: StreamInfo): string {
    if (this.operation !== '') return this.operation;
    if (this.config.tracer.namesByHost) return info.authority;
    return this.config.egress ? `egress ${info.authority}` : 'ingress';
  }
}

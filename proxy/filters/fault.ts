import type { Clock, Random, Timer } from '../../common/runtime/clock.js';
import type { FaultDelay__Output } from '../../proto/gen/envoy/extensions/filters/common/fault/v3/FaultDelay.js';
import type { FaultAbort__Output } from '../../proto/gen/envoy/extensions/filters/http/fault/v3/FaultAbort.js';
import type { HTTPFault__Output } from '../../proto/gen/envoy/extensions/filters/http/fault/v3/HTTPFault.js';
import { FLAG } from '../http/flags.js';
import type { RequestHead } from '../http/message.js';
import type { LocalReply } from '../http/stream.js';
import { compileHeaderMatchers, type HeaderTest } from '../router/matchers/header-matcher.js';
import type { Issues } from '../snapshot/issues.js';
import { durationMs, fractionOf } from '../snapshot/wire-values.js';
import type { HttpFilterFactory } from './factory.js';
import type { FilterContext, FilterVerdict, HttpFilter } from './filter.js';

/** A compiled HTTPFault. */
interface FaultConfig {
  readonly applies: (context: FilterContext) => boolean;
  /** Milliseconds for this request; undefined for none. */
  readonly delay: (request: RequestHead) => number | undefined;
  readonly abort: (request: RequestHead) => AbortCode | undefined;
  readonly maxActive: number;
  /** Requests that are being delayed now. */
  active: number;
}

interface AbortCode {
  readonly status: number;
  readonly grpcStatus?: number;
}

export interface FaultDeps {
  readonly clock: Clock;
  readonly random: Random;
}

const DELAY_HEADER = 'x-envoy-fault-delay-request';
const DELAY_PERCENTAGE_HEADER = 'x-envoy-fault-delay-request-percentage';
const ABORT_HEADER = 'x-envoy-fault-abort-request';
const ABORT_GRPC_HEADER = 'x-envoy-fault-abort-grpc-request';
const ABORT_PERCENTAGE_HEADER = 'x-envoy-fault-abort-request-percentage';
const NODE_HEADER = 'x-envoy-downstream-service-node';

/** Filter envoy.filters.http.fault: delays (flag DI) and aborts (flag FI) a share of the requests. */
export function faultFactory(deps: FaultDeps): HttpFilterFactory {
  return {
    compile(message, place, issues) {
      const own = compileFault(message, deps.random, issues);
      return faultFilter(place.name, own, deps.clock);
    },
  };
}

/** Compiles an HTTPFault of a chain or of a route. */
export function compileFault(message: HTTPFault__Output, random: Random, issues: Issues): FaultConfig {
  const headers = compileHeaderMatchers(message.headers ?? [], issues.at('headers'));
  const nodes = new Set(message.downstream_nodes ?? []);
  const cluster = message.upstream_cluster ?? '';
  return {
    applies: (context) => meets(context, headers, nodes, cluster),
    delay: compileDelay(message.delay, random, issues.at('delay')),
    abort: compileAbort(message.abort, random, issues.at('abort')),
    maxActive: message.max_active_faults?.value ?? Number.POSITIVE_INFINITY,
    active: 0,
  };
}

function meets(
  context: FilterContext,
  headers: readonly HeaderTest[] | undefined,
  nodes: ReadonlySet<string>,
  cluster: string,
): boolean {
  if (headers === undefined || !headers.every((test) => test(context.request))) return false;
  if (nodes.size > 0 && !nodes.has(context.request.headers.get(NODE_HEADER) ?? '')) return false;
  if (cluster === '') return true;
  const action = context.route()?.action;
  return action?.kind === 'forward' && action.clusterName === cluster;
}

function compileDelay(message: FaultDelay__Output | undefined, random: Random, issues: Issues): FaultConfig['delay'] {
  if (message === undefined) return () => undefined;
  const share = message.percentage === undefined ? 0 : fractionOf(message.percentage);
  if (message.header_delay !== undefined) {
    return (request) => {
      const wanted = headerNumber(request, DELAY_HEADER);
      if (wanted === undefined || !happens(share, request, DELAY_PERCENTAGE_HEADER, message.percentage, random)) {
        return undefined;
      }
      return wanted;
    };
  }
  const fixed = durationMs(message.fixed_delay);
  if (fixed === undefined || fixed <= 0) {
    issues.error('needs a fixed_delay above zero, or header_delay');
    return () => undefined;
  }
  return () => (random() < share ? fixed : undefined);
}

function compileAbort(message: FaultAbort__Output | undefined, random: Random, issues: Issues): FaultConfig['abort'] {
  if (message === undefined) return () => undefined;
  const share = message.percentage === undefined ? 0 : fractionOf(message.percentage);
  if (message.header_abort !== undefined) {
    return (request) => {
      const code = headerAbort(request);
      if (code === undefined || !happens(share, request, ABORT_PERCENTAGE_HEADER, message.percentage, random)) {
        return undefined;
      }
      return code;
    };
  }
  const code = fixedAbort(message);
  if (code === undefined) {
    issues.error('needs an http_status from 200 to 599, a grpc_status, or header_abort');
    return () => undefined;
  }
  return () => (random() < share ? code : undefined);
}

function fixedAbort(message: FaultAbort__Output): AbortCode | undefined {
  if (message.grpc_status !== undefined) return { status: 200, grpcStatus: message.grpc_status };
  const status = message.http_status ?? 0;
  return status >= 200 && status < 600 ? { status } : undefined;
}

function headerAbort(request: RequestHead): AbortCode | undefined {
  const status = headerNumber(request, ABORT_HEADER);
  if (status !== undefined && status >= 200 && status < 600) return { status };
  const grpcStatus = headerNumber(request, ABORT_GRPC_HEADER);
  return grpcStatus === undefined ? undefined : { status: 200, grpcStatus };
}

function headerNumber(request: RequestHead, name: string): number | undefined {
  const text = request.headers.get(name);
  return text !== undefined && /^\d{1,9}$/.test(text) ? Number(text) : undefined;
}

/** A header may lower the configured percentage; it counts in the same unit. */
function happens(
  share: number,
  request: RequestHead,
  header: string,
  percentage: FaultDelay__Output['percentage'],
  random: Random,
): boolean {
  const wanted = headerNumber(request, header);
  const capped =
    wanted === undefined
      ? share
      : Math.min(share, fractionOf({ numerator: wanted, denominator: percentage?.denominator ?? 'HUNDRED' }));
  return random() < capped;
}

/** A delay under way: the request may end before it does. */
interface Delay {
  readonly timer: Timer;
  readonly config: FaultConfig;
}

function faultFilter(name: string, own: FaultConfig, clock: Clock): HttpFilter {
  const delays = new WeakMap<object, Delay>();
  const finish = (key: object): void => {
    const delay = delays.get(key);
    if (delay === undefined) return;
    delays.delete(key);
    delay.timer.cancel();
    delay.config.active--;
  };
  return {
    name,
    onRequest(context): FilterVerdict {
      const config = (context.route()?.filterConfig(name) as FaultConfig | undefined) ?? own;
      if (!config.applies(context)) return undefined;
      const { info, request } = context;
      const ms = config.active < config.maxActive ? config.delay(request) : undefined;
      if (ms === undefined || ms <= 0) return abort(config, request);
      info.flags |= FLAG.DI;
      config.active++;
      return new Promise((resolve) => {
        const timer = clock.after(ms, () => {
          finish(info);
          resolve(abort(config, request));
        });
        delays.set(info, { timer, config });
      });
    },
    onComplete({ info }) {
      if ((info.flags & FLAG.DI) !== 0) finish(info);
    },
  };
}

function abort(config: FaultConfig, request: RequestHead): LocalReply | undefined {
  if (config.active >= config.maxActive) return undefined;
  const code = config.abort(request);
  if (code === undefined) return undefined;
  return { ...code, body: 'fault filter abort', details: 'fault_filter_abort', flags: FLAG.FI };
}

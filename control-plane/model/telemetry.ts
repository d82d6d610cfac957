import type { TelemetrySpec } from '../api/kinds/telemetry.js';
import type { ConfigObject } from '../api/object.js';
import type { MeshSettings } from './mesh-settings.js';
import { byAge } from './order.js';
import { attaches, type PolicyAttachment, policyAttachment } from './policy-attachment.js';
import { type EffectiveMetrics, effectiveMetrics } from './telemetry-metrics.js';
import { applies, type EffectiveTracing, effectiveTracing, type Mode } from './telemetry-tracing.js';

export interface EffectiveAccessLog {
  readonly provider: string;
  /** CEL expression; undefined logs everything. */
  readonly filter: string | undefined;
}

type Target = { readonly namespace: string; readonly labels: Readonly<Record<string, string>> };

/** What is told about the requests of a workload: mesh → namespace → workload, a narrower Telemetry overrides the wider one. */
export class Telemetries {
  readonly #objects: readonly Telemetry[];
  readonly #settings: MeshSettings;

  constructor(objects: readonly ConfigObject<TelemetrySpec>[], settings: MeshSettings) {
    this.#objects = [...objects]
      .sort(byAge)
      .map(({ metadata, spec }) => ({ spec, attachment: policyAttachment(metadata.namespace, spec) }));
    this.#settings = settings;
  }

  accessLogs(workload: Target, mode: Mode): readonly EffectiveAccessLog[] {
    const levels = this.#levels(workload).map((object) => (object.spec.accessLogging ?? []).filter(applies(mode)));
    const entries = levels.findLast((list) => list.length > 0);
    if (entries === undefined)
      return this.#settings.accessLog.providers.map((provider) => ({ provider, filter: undefined }));
    const inherited = levels.findLast((list) => list.some((entry) => (entry.providers ?? []).length > 0)) ?? [];
    const fallback = inherited.flatMap((entry) => (entry.providers ?? []).map(({ name }) => name));
    const defaults = fallback.length > 0 ? fallback : this.#settings.accessLog.providers;
    const logs = new Map<string, EffectiveAccessLog>();
    for (const entry of entries) {
      const named = (entry.providers ?? []).map(({ name }) => name);
      for (const provider of named.length > 0 ? named : defaults.length > 0 ? defaults : ['envoy']) {
        if (entry.disabled === true) logs.delete(provider);
        else logs.set(provider, { provider, filter: entry.filter?.expression });
      }
    }
    return [...logs.values()];
  }

  /** Whether any Telemetry speaks about access logs of this workload, so that MeshConfig.accessLogFile steps back. */
  configures(workload: Target): boolean {
    return this.#levels(workload).some((object) => object.spec.accessLogging !== undefined);
  }

  /** Undefined where nothing is traced; `legacy` where only MeshConfig's own fields ask for it (enableTracing). */
  tracing(workload: Target, mode: Mode): EffectiveTracing | 'legacy' | undefined {
    const { providers, legacy } = this.#settings.tracing;
    const levels = this.#levels(workload).map(({ spec }) => spec);
    if (providers.length === 0 && levels.every(({ tracing }) => (tracing ?? []).length === 0)) {
      return legacy ? 'legacy' : undefined;
    }
    return effectiveTracing(levels, mode, providers[0]);
  }

  /** What is counted for Prometheus, and how. */
  metrics(workload: Target, mode: Mode): EffectiveMetrics {
    const { metricsProviders, providers } = this.#settings;
    const counts = (name: string): boolean => {
      const provider = providers.get(name);
      return provider === undefined ? name === 'prometheus' : provider.prometheus !== undefined;
    };
    const entries = this.#levels(workload).flatMap(({ spec }) => spec.metrics ?? []);
    return effectiveMetrics(entries, mode, metricsProviders, counts);
  }

  /** Widest first. */
  #levels(workload: Target): readonly Telemetry[] {
    const root = this.#settings.rootNamespace;
    const plain = (namespace: string) =>
      this.#objects.find(({ attachment }) => attachment.namespace === namespace && !selects(attachment));
    const own = this.#objects.find(
      ({ attachment }) =>
        attachment.namespace === workload.namespace && selects(attachment) && attaches(attachment, workload),
    );
    const found = [plain(root), workload.namespace === root ? undefined : plain(workload.namespace), own];
    return found.filter((object) => object !== undefined);
  }
}

interface Telemetry {
  readonly spec: TelemetrySpec;
  readonly attachment: PolicyAttachment;
}

/** Whether it is for some of its namespace only. */
function selects({ selector, targets }: PolicyAttachment): boolean {
  return targets.length > 0 || Object.keys(selector).length > 0;
}

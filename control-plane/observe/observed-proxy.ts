import { decodeCounts, decodeDefinition, type EdgeNames } from '../../common/observe/wire.js';
import type { ClusterHealth, ObservedProxy } from '../../common/observe/workload.js';
import type { EdgeStats } from '../../common/runtime/edge-report.js';
import type { AnswerPart__Output } from '../../proto/gen/weft/observe/v1/AnswerPart.js';
import type { Sample__Output } from '../../proto/gen/weft/observe/v1/Sample.js';
import type { ToProxy } from '../../proto/gen/weft/observe/v1/ToProxy.js';
import type { ProxyNode } from '../model/proxy-node.js';

/** As many edges as a sidecar counts in both directions, and the overflow. */
const MAX_EDGES = 4100;
const MAX_CLUSTERS = 1000;

/** Who a proxy may speak for. */
export interface OwnNames {
  readonly workload: string;
  readonly namespace: string;
  /** `spiffe://…`. */
  readonly principal: string;
}

/** Parts of an answer; an `Error` when no more will come. */
export interface Listener {
  part(status: number, data: Buffer, last: boolean): void;
  failed(error: Error): void;
}

/** One sidecar that is connected to us: what it told last, and the questions that it has not answered. */
export class ObservedStream {
  private readonly names = new Map<number, EdgeNames>();
  private readonly questions = new Map<number, Listener>();
  private nextQuestion = 1;
  private sampled: ObservedProxy | undefined;

  constructor(
    readonly node: ProxyNode,
    private readonly own: OwnNames,
    private readonly send: (message: ToProxy) => void,
  ) {}

  /** `namespace/pod`. */
  get key(): string {
    return `${this.node.namespace}/${this.node.workload}`;
  }

  /** Undefined before its first sample. */
  get state(): ObservedProxy | undefined {
    return this.sampled;
  }

  pace(intervalMs: number): void {
    this.send({ pace: { interval_ms: intervalMs } });
  }

  /** Takes a sample; what it counted is about itself, whatever it says. */
  sample(sample: Sample__Output, now: number): EdgeStats[] {
    for (const definition of sample.definitions ?? []) {
      if (this.names.size >= MAX_EDGES) break;
      this.names.set(definition.id ?? 0, this.ownEnd(decodeDefinition(definition)));
    }
    this.sampled = {
      lastSample: now,
      ...(sample.certificate_not_after !== undefined &&
        sample.certificate_not_after > 0 && { certificateNotAfter: sample.certificate_not_after * 1000 }),
      draining: sample.draining ?? false,
      ...(sample.inbound_connections !== undefined && { inboundConnections: sample.inbound_connections }),
      troubledClusters: (sample.clusters ?? []).slice(0, MAX_CLUSTERS).map(clusterHealth),
    };
    return (sample.edges ?? []).flatMap((counts) => {
      const names = this.names.get(counts.edge ?? 0);
      return names === undefined ? [] : [decodeCounts(names, counts)];
    });
  }

  /** Asks for a read-only page of its admin port. Returns how to stop. */
  ask(path: string, listener: Listener): () => void {
    const id = this.nextQuestion++;
    this.questions.set(id, listener);
    this.send({ question: { id, path } });
    return () => {
      if (this.questions.delete(id)) this.send({ cancel: { id } });
    };
  }

  answer({ id = 0, status = 0, data, last = false }: AnswerPart__Output): void {
    const listener = this.questions.get(id);
    if (last) this.questions.delete(id);
    listener?.part(status, Buffer.from(data ?? ''), last);
  }

  close(): void {
    const all = [...this.questions.values()];
    this.questions.clear();
    for (const listener of all) listener.failed(new Error(`the proxy of ${this.key} has gone`));
  }

  private ownEnd(names: EdgeNames): EdgeNames {
    const { workload, namespace } = this.own;
    const principal = names.mtls ? this.own.principal : 'unknown';
    return names.reporter === 'source'
      ? { ...names, source: { ...names.source, workload, namespace, principal } }
      : { ...names, destination: { ...names.destination, workload, namespace, principal } };
  }
}

function clusterHealth({
  name = '',
  hosts = 0,
  healthy = 0,
  ejected = 0,
}: NonNullable<Sample__Output['clusters']>[number]): ClusterHealth {
  return { name: name.slice(0, 512), hosts, healthy, ejected };
}

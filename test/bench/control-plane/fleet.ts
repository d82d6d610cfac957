import { createSecureContext } from 'node:tls';
import { TYPE } from '../../../common/xds/type-urls.js';
import { benchToken } from './api-server.js';
import { askForCertificates } from './certificates.js';
import { type FleetReport, type FromFleet, nowMs, type ToFleet } from './fleet-messages.js';
import { Sample } from './sample.js';
import { Names, type SidecarEvents, type SidecarNode, SimulatedSidecar, type Target } from './sidecar.js';

/** Connections are opened this many in a turn, so that the client's own work does not stop its reading. */
const BATCH = 50;

interface Heard {
  readonly namespace: string;
  at: number;
  responses: number;
}

/** The process of the simulated sidecars. */
class Fleet {
  readonly #names = new Names();
  readonly #sidecars = new Map<string, SimulatedSidecar>();
  readonly #heard = new Map<SimulatedSidecar, Heard>();
  readonly #unserved = new Set<SimulatedSidecar>();
  #target: Target | undefined;
  #sample = new Sample();
  #routeNames: readonly string[] = [];
  #responses = 0;
  #bytes = 0;
  #lost = 0;
  #lastLoss = '';
  #servedAt = 0;
  #heardAt = 0;

  async connect(nodes: readonly SidecarNode[], address: string, ca: string): Promise<void> {
    this.#target = {
      address,
      trust: createSecureContext({ ca }),
      token: ({ namespace, account, pod }) => benchToken(namespace, account, pod),
    };
    const target = this.#target;
    for (const [i, node] of nodes.entries()) {
      const sidecar = this.#sidecars.get(keyOf(node)) ?? this.#make(node, this.#sidecars.size === 0);
      this.#unserved.add(sidecar);
      sidecar.connect(target);
      if (i === 0) await this.#untilRoutesKnown();
      if (i % BATCH === 0) await new Promise((resolve) => setImmediate(resolve));
    }
  }

  replace(gone: string, node: SidecarNode): void {
    this.#sidecars.get(gone)?.stop();
    this.#sidecars.delete(gone);
    if (this.#target === undefined) return;
    const sidecar = this.#make(node, false);
    this.#unserved.add(sidecar);
    sidecar.connect(this.#target);
  }

  arm(): void {
    this.#heard.clear();
    this.#responses = 0;
    this.#bytes = 0;
    this.#lost = 0;
  }

  stop(): void {
    // What has come of a message so far is not completed by the next stream.
    this.#sample = new Sample();
    for (const sidecar of this.#sidecars.values()) sidecar.stop();
  }

  says(typeUrl: string, name: string, text: string): boolean {
    return this.#sample.says(typeUrl, name, text);
  }

  /** `detailed`: also who heard, which is long. */
  report(detailed: boolean): FleetReport {
    return {
      connected: this.#sidecars.size,
      served: this.#sidecars.size - this.#unserved.size,
      servedAt: this.#servedAt,
      heard: detailed ? [...this.#heard.values()] : [],
      heardAt: this.#heardAt,
      responses: this.#responses,
      bytes: this.#bytes,
      lost: this.#lost,
      lastLoss: this.#lastLoss,
      resources: Object.values(TYPE).reduce((sum, typeUrl) => sum + this.#sample.of(typeUrl).size, 0),
    };
  }

  #make(node: SidecarNode, sampled: boolean): SimulatedSidecar {
    const events: SidecarEvents = {
      acknowledged: (sidecar, typeUrl, resources, bytes) => this.#acknowledged(sidecar, typeUrl, resources, bytes),
      lost: (sidecar, reason) => {
        this.#lost++;
        this.#lastLoss = reason;
        this.#unserved.add(sidecar);
        if (sampled) this.#sample = new Sample();
      },
      routeNames: () => this.#routeNames,
      ...(sampled && { received: (chunk: Buffer) => this.#sample.push(chunk) }),
    };
    const sidecar = new SimulatedSidecar(node, this.#names, events);
    this.#sidecars.set(keyOf(node), sidecar);
    return sidecar;
  }

  #acknowledged(sidecar: SimulatedSidecar, _typeUrl: string, _resources: number, bytes: number): void {
    this.#responses++;
    this.#bytes += bytes;
    const at = nowMs();
    this.#heardAt = at;
    const heard = this.#heard.get(sidecar);
    if (heard === undefined) this.#heard.set(sidecar, { namespace: sidecar.node.namespace, at, responses: 1 });
    else {
      heard.at = at;
      heard.responses++;
    }
    if (this.#unserved.has(sidecar) && sidecar.served) {
      this.#unserved.delete(sidecar);
      this.#servedAt = at;
    }
  }

  async #untilRoutesKnown(): Promise<void> {
    while (this.#routeNames.length === 0) {
      await new Promise((resolve) => setTimeout(resolve, 20));
      if (this.#sample.of(TYPE.listener).size > 0) this.#routeNames = this.#sample.routeNames();
    }
    const [first] = this.#sidecars.values();
    first?.askForRoutes();
  }
}

function keyOf({ namespace, pod }: SidecarNode): string {
  return `${namespace}/${pod}`;
}

function send(message: FromFleet): void {
  process.send?.(message);
}

const fleet = new Fleet();
process.on('message', (message: ToFleet) => {
  switch (message.kind) {
    case 'connect':
      void fleet.connect(message.nodes, message.address, message.ca);
      break;
    case 'replace':
      fleet.replace(message.gone, message.node);
      break;
    case 'arm':
      fleet.arm();
      break;
    case 'report':
      send({ kind: 'report', report: fleet.report(message.detailed) });
      break;
    case 'ask':
      send({ kind: 'answer', yes: fleet.says(message.typeUrl, message.name, message.text) });
      break;
    case 'certificates':
      askForCertificates(message.order).then(
        (certificates) => send({ kind: 'certificates', certificates }),
        (error: unknown) =>
          send({ kind: 'certificates', certificates: { issued: 0, failed: 1, lastFailure: String(error) } }),
      );
      break;
    case 'stop':
      fleet.stop();
  }
});
process.once('disconnect', () => process.exit(0));

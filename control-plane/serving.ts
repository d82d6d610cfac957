import { type Allotments, ownPorts, type Sidecar, type SidecarPorts } from './model/allotment.js';

/**
 * Holds back the endpoints of sidecars that have never listened: a workload that is added while traffic flows is
 * advertised when its sidecar has accepted its listeners, not when its file is read. What the first configuration names
 * counts as listening, because a control plane that starts again must not take endpoints away from a running mesh.
 */
export class Serving {
  private served: Set<string> | undefined;

  /** The allotments with the ports marked that are not to be advertised yet. */
  mark(allotments: Allotments): Allotments {
    const all = [...allotments.values()].flatMap(keysOf);
    if (this.served === undefined) this.served = new Set(all);
    else for (const key of this.served) if (!all.includes(key)) this.served.delete(key);
    const { served } = this;
    return new Map(
      [...allotments].map(([name, sidecar]): [string, Sidecar] => {
        const ports = ownPorts(sidecar);
        if (ports === undefined) return [name, sidecar];
        const heldBack = new Set([...ports.inbound.values()].filter((port) => !served.has(keyOf(ports, port))));
        return [name, heldBack.size === 0 ? ports : { ...ports, heldBack }];
      }),
    );
  }

  /** A sidecar has accepted listeners on these ports. Returns whether any of them was held back. */
  listens(ports: SidecarPorts): boolean {
    for (const key of keysOf(ports)) this.served?.add(key);
    return (ports.heldBack?.size ?? 0) > 0;
  }
}

function keyOf(ports: SidecarPorts, port: number): string {
  return `${ports.workload} ${port}`;
}

function keysOf(sidecar: Sidecar): string[] {
  const ports = ownPorts(sidecar);
  return ports === undefined ? [] : [...ports.inbound.values()].map((port) => keyOf(ports, port));
}

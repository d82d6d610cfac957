import type { GatewayServer, GatewaySpec } from '../api/kinds/gateway.js';
import { selectorMatches } from '../api/labels.js';
import type { ConfigObject } from '../api/object.js';
import { byAge } from './order.js';

/** A Gateway, ready to be acted on. */
export interface MeshGateway {
  /** `namespace/name`. */
  readonly key: string;
  readonly namespace: string;
  readonly name: string;
  readonly servers: readonly GatewayServer[];
  readonly selector: Readonly<Record<string, string>>;
}

/** Which Gateways a proxy serves. */
export class Gateways {
  /** Oldest first: where two contradict each other, the older one holds. */
  readonly all: readonly MeshGateway[];

  constructor(objects: readonly ConfigObject<GatewaySpec>[]) {
    this.all = [...objects].sort(byAge).map(({ metadata: { namespace, name }, spec }) => ({
      key: `${namespace}/${name}`,
      namespace,
      name,
      servers: spec.servers ?? [],
      selector: spec.selector ?? {},
    }));
  }

  /** Those of any namespace whose selector matches; one without a selector is for every gateway. */
  of(labels: Readonly<Record<string, string>>): readonly MeshGateway[] {
    return this.all.filter(({ selector }) => selectorMatches(selector, labels));
  }
}

import { describe, expect, it } from 'vitest';
import type { ServiceSpec } from '../api/kinds/core.js';
import type { ConfigObject } from '../api/object.js';
import { gatewayNames, Networks } from './networks.js';

const service = (spec: Partial<ServiceSpec>): ConfigObject<ServiceSpec> =>
  ({
    kind: 'Service',
    metadata: { name: 'east', namespace: 'istio-system', labels: { 'topology.istio.io/network': 'two' } },
    spec,
  }) as unknown as ConfigObject<ServiceSpec>;

const mesh = {
  networks: {
    three: {
      gateways: [
        { address: 'gw.three.test', port: 443 },
        { address: '192.0.2.9', port: 444 },
      ],
    },
  },
};

describe('gateways of networks by host name', () => {
  const services = [service({ loadBalancer: [{ hostname: 'lb.two.test' }, { ip: '192.0.2.5' }] })];

  it('are names to look up', () => {
    expect(gatewayNames({ mesh, services })).toEqual(['gw.three.test', 'lb.two.test']);
  });

  it('stand for the addresses that they have', () => {
    const resolved = new Map([
      ['gw.three.test', ['192.0.2.1', '2001:db8::1']],
      ['lb.two.test', []],
    ]);
    const networks = new Networks({ mesh, services, namespaces: [], rootNamespace: 'istio-system', resolved });
    expect(networks.between('one', 'three')).toEqual([
      { address: '192.0.2.1', port: 443 },
      { address: '2001:db8::1', port: 443 },
      { address: '192.0.2.9', port: 444 },
    ]);
    expect(networks.between('one', 'two')).toEqual([{ address: '192.0.2.5', port: 15_443 }]);
  });
});

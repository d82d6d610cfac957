import { describe, expect, it } from 'vitest';
import { capturesPort } from '../../model/allotment.js';
import { configSet } from '../../translate/testing/case.js';
import { capturedPods } from './capture-allotter.js';

const PORTS = [7000, 8080, 15020, 15021, 15090];

function captured(annotations: Record<string, string>, spec = '{}'): number[] {
  const all = { 'sidecar.istio.io/status': '{}', ...annotations };
  const set = configSet(
    `apiVersion: v1\nkind: Pod\nmetadata: {name: a, namespace: default, annotations: ${JSON.stringify(all)}}\nspec: ${spec}`,
  );
  const sidecar = capturedPods(set).get('default/a');
  return PORTS.filter((port) => capturesPort(sidecar, port));
}

describe('ports of a pod at which clients meet its sidecar', () => {
  const traffic = 'traffic.sidecar.istio.io';
  it.each<[string, Record<string, string>, number[]]>([
    ['are all but the side ports', {}, [7000, 8080]],
    ['are not those that are excluded', { [`${traffic}/excludeInboundPorts`]: '8080, 9' }, [7000]],
    ['are those that are included', { [`${traffic}/includeInboundPorts`]: '8080' }, [8080]],
    ['are all by a star', { [`${traffic}/includeInboundPorts`]: '*' }, [7000, 8080]],
    ['are none by an empty list', { [`${traffic}/includeInboundPorts`]: '' }, []],
    ['depend on the status port', { 'status.sidecar.istio.io/port': '7000' }, [8080, 15020]],
    ['are none without interception', { 'sidecar.istio.io/interceptionMode': 'NONE' }, []],
  ])('%s', (_name, annotations, ports) => {
    expect(captured(annotations)).toEqual(ports);
  });

  it('are none on the network of the host', () => {
    expect(captured({}, '{hostNetwork: true}')).toEqual([]);
  });

  it('are told by the same object as long as the pod is the same', () => {
    const set = configSet(
      'apiVersion: v1\nkind: Pod\nmetadata: {name: a, namespace: default, annotations: {sidecar.istio.io/status: "{}"}}\nspec: {}',
    );
    expect(capturedPods(set).get('default/a')).toBe(capturedPods(set).get('default/a'));
  });
});

import { describe, expect, it } from 'vitest';
import { type Allotments, ownPorts, type SidecarPorts } from './model/allotment.js';
import { Serving } from './serving.js';

const ports = (name: string, inbound: number): SidecarPorts => ({
  kind: 'ports',
  workload: `default/${name}`,
  address: '127.0.0.1',
  inbound: new Map([[9080, inbound]]),
  outbound: inbound + 1,
  admin: inbound + 2,
});
const allotments = (...all: SidecarPorts[]): Allotments => new Map(all.map((one) => [one.workload, one]));
const heldBack = (marked: Allotments, name: string): number[] => [
  ...(ownPorts(marked.get(`default/${name}`))?.heldBack ?? []),
];

describe('endpoints of sidecars that do not listen yet', () => {
  it('advertises what the first configuration names at once', () => {
    expect(heldBack(new Serving().mark(allotments(ports('a', 20_000))), 'a')).toEqual([]);
  });

  it('holds a later one back until its sidecar listens', () => {
    const serving = new Serving();
    serving.mark(allotments(ports('a', 20_000)));
    const both = allotments(ports('a', 20_000), ports('b', 21_000));
    const marked = serving.mark(both);
    expect([heldBack(marked, 'a'), heldBack(marked, 'b')]).toEqual([[], [21_000]]);
    const b = ownPorts(marked.get('default/b'));
    expect(b !== undefined && serving.listens(b)).toBe(true);
    expect(heldBack(serving.mark(both), 'b')).toEqual([]);
  });

  it('has nothing to hold back in a pod', () => {
    const pod: Allotments = new Map([['default/a', { kind: 'capture', interception: 'REDIRECT' }]]);
    const serving = new Serving();
    serving.mark(new Map());
    expect(serving.mark(pod)).toEqual(pod);
  });

  it('says when nothing was held back, so that nothing is pushed', () => {
    const serving = new Serving();
    const a = ownPorts(serving.mark(allotments(ports('a', 20_000))).get('default/a'));
    expect(a !== undefined && serving.listens(a)).toBe(false);
  });

  it('holds a replaced port back, and one that comes back after it was gone', () => {
    const serving = new Serving();
    serving.mark(allotments(ports('a', 20_000)));
    expect(heldBack(serving.mark(allotments(ports('a', 22_000))), 'a')).toEqual([22_000]);
    serving.mark(allotments());
    expect(heldBack(serving.mark(allotments(ports('a', 20_000))), 'a')).toEqual([20_000]);
  });
});

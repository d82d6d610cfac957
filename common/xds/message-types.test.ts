import protobuf from 'protobufjs/light.js';
import { describe, expect, it } from 'vitest';
import { MessageTypes, readDescriptors, typeOf, writeDescriptors } from './message-types.js';
import { parseProtos } from './proto-files.js';

const parsed = parseProtos();
const read = readDescriptors(writeDescriptors(parsed));

describe('message types that the build has prepared', () => {
  it('are what was parsed', () => {
    expect(read).toEqual(parsed);
    expect(read.size).toBeGreaterThan(100);
  });

  it('are built when they are asked for, and find the types of their fields then', () => {
    const types = new MessageTypes(read);
    expect(types.nestedArray).toEqual([]);
    const route = types.lookupType('envoy.config.route.v3.RouteMatch');
    const field = route.fields['headers'];
    expect(field && typeOf(field)?.fullName).toBe('.envoy.config.route.v3.HeaderMatcher');
  });

  it('find a nested type by the one around it, and nothing by a name that is none', () => {
    const types = new MessageTypes(read);
    const nested = types.lookupType('envoy.config.cluster.v3.Cluster.CommonLbConfig');
    expect(nested.parent?.name).toBe('Cluster');
    for (const name of ['', 'envoy', 'envoy.none.v3.Nothing', 'Cluster2']) {
      expect(() => types.lookupType(name)).toThrow('no such type');
    }
  });

  it('resolve, every one of them', () => {
    const types = new MessageTypes(read);
    for (const name of read.keys()) {
      const found = types.lookupTypeOrEnum(name);
      if (found instanceof protobuf.Type) for (const field of found.fieldsArray) typeOf(field);
    }
  });
});

import { describe, expect, it } from 'vitest';
import { HeaderList } from '../http/headers.js';
import { decide, type Sampling } from './sampling.js';

const ALL: Sampling = { client: 1, random: 1, overall: 1, byRequestId: true, packReason: true };
const id = (lot: number, version = '4'): string =>
  `${lot.toString(16).padStart(8, '0')}-aaaa-${version}bbb-8ccc-dddddddddddd`;

describe('the decision whether a request is traced', () => {
  it.each<[string, Partial<Sampling>, readonly string[], string, string]>([
    ['by chance', {}, [], id(0), 'random_sampling 9'],
    ['below the share', { random: 0.5 }, [], id(4999), 'random_sampling 9'],
    ['above the share', { random: 0.5 }, [], id(5000), 'not_traceable 4'],
    ['the lot wraps around', { random: 0.5 }, [], id(14_999), 'random_sampling 9'],
    ['the client asks', { random: 0 }, ['x-client-trace-id'], id(0), 'client_enabled b'],
    ['the client asks too much', { random: 0, client: 0 }, ['x-client-trace-id'], id(0), 'not_traceable 4'],
    ['it is forced', { random: 0 }, ['x-envoy-force-trace'], id(0), 'service_forced a'],
    ['a proxy before decided', { random: 0 }, [], id(9999, '9'), 'random_sampling 9'],
    ['a proxy before was forced', { random: 0 }, [], id(9999, 'a'), 'service_forced a'],
    ['overall is less', { overall: 0.1 }, [], id(1000), 'not_traceable 4'],
    ['overall beats a proxy before', { overall: 0 }, [], id(0, 'a'), 'not_traceable 4'],
    ['nothing is written', { packReason: false }, [], id(0), 'random_sampling 4'],
    ['no UUID', {}, [], 'mine', 'not_traceable '],
    ['no UUID, another lot', { byRequestId: false }, [], 'mine', 'random_sampling '],
  ])('%s', (_name, sampling, names, requestId, expected) => {
    const headers = new HeaderList();
    for (const name of names) headers.append(name, 'true');
    const decision = decide({ ...ALL, ...sampling }, headers, requestId, () => 0);
    expect(`${decision.reason} ${decision.requestId.charAt(14)}`).toBe(expected);
  });
});

import { expect, it } from 'vitest';
import { PlaintextConnections } from './plaintext-connections.js';

it('counts connections by source and by port of the application', () => {
  const connections = new PlaintextConnections();
  connections.count('9080-plain', 20_001, '10.0.0.1', 1);
  connections.count('9080-plain', 20_001, '10.0.0.1', 2);
  connections.count('other', 8080, '10.0.0.2', 3);
  expect(connections.list()).toEqual([
    { from: '10.0.0.1', port: 9080, connections: 2, last: 2 },
    { from: '10.0.0.2', port: 8080, connections: 1, last: 3 },
  ]);
});

it('keeps a bounded number of sources apart', () => {
  const connections = new PlaintextConnections();
  for (let i = 0; i < 5000; i++) connections.count('80-plain', 80, `10.0.${i >> 8}.${i & 255}`, i);
  const all = connections.list();
  expect(all.length).toBe(1001);
  expect(all[0]).toMatchObject({ from: 'others', connections: 4000 });
});

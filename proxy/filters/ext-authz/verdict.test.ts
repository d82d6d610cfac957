import { describe, expect, it } from 'vitest';
import { HeaderList } from '../../http/headers.js';
import { changeRequest, type Permit } from './verdict.js';

function changed(path: string, set: readonly (readonly [string, string])[], remove: readonly string[] = []): string {
  const head = { method: 'GET', path, authority: 'a', scheme: 'http', version: 'HTTP/1.1', headers: new HeaderList() };
  const permit: Permit = { kind: 'ok', request: [], remove: [], response: [], query: { set, remove } };
  changeRequest(head as Parameters<typeof changeRequest>[0], permit);
  return head.path;
}

describe('the query that a permit leaves', () => {
  it.each([
    ['/a?x=1', [], [], '/a?x=1'],
    ['/a', [['q', 'b']], [], '/a?q=b'],
    ['/a?x=1', [['x', '2']], [], '/a?x=2'],
    ['/a?x=1&x=3', [['x', '2']], [], '/a?x=2'],
    ['/a?secret=1', [], ['secret'], '/a'],
    ['/a?secret=1&keep=2&secret=3', [], ['secret'], '/a?keep=2'],
    ['/a?z=1&a=2', [['m', '3']], [], '/a?a=2&m=3&z=1'],
    ['/a?x=%2F+y&p=a%26b', [['q', 'b']], [], '/a?p=a%26b&q=b&x=%2F+y'],
    ['/a?flag', [['q', 'b']], [], '/a?flag=&q=b'],
    ['/a', [['q', 'a/b%20c+d=e']], [], '/a?q=a/b%20c+d=e'],
    ['/a', [['q', 'b HTTP/1.1\r\nx: y']], [], '/a?q=b%20HTTP/1.1%0D%0Ax:%20y'],
    ['/a', [['q', 'ü']], [], '/a?q=%C3%BC'],
  ] as const)('%s, set %j, without %j: %s', (path, set, remove, expected) => {
    expect(changed(path, set, remove)).toBe(expected);
  });
});

import { describe, expect, it } from 'vitest';
import { readDocuments } from './documents.js';
import { parseObject } from './parse-object.js';

/** Reads a text to the end, as the folder source does. */
function read(text: string): { readonly messages: string[]; readonly objects: number; readonly ms: number } {
  const started = performance.now();
  const { objects, findings } = readDocuments(text, 'a.yaml');
  const parsed = objects.map(({ value, origin }) => parseObject(value, origin));
  const messages = [...findings, ...parsed.flatMap((each) => each.findings)].map(({ message }) => message);
  return {
    messages,
    objects: parsed.filter(({ object }) => object !== undefined).length,
    ms: performance.now() - started,
  };
}

const object = (spec: string): string => `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: a }
spec: ${spec}
`;

const BOMB = Array.from({ length: 30 }, (_, i) => `  - &a${i} [${i === 0 ? 'x' : `*a${i - 1}, *a${i - 1}`}]`).join(
  '\n',
);

describe('hostile files', () => {
  it.each([
    ['nothing', '', 0, undefined],
    ['only comments and separators', '# x\n---\n---\n# y\n', 0, undefined],
    ['an alias bomb', `${object('')}  http:\n${BOMB}\n`, 0, /alias/],
    ['an alias to itself', object('&a [*a]'), 0, /alias|mapping/i],
    ['an unknown alias', object('*nothing'), 0, /alias/],
    ['deep flow nesting', object('['.repeat(100_000)), 0, /nested more than 100 deep/],
    ['flow nesting below that', object(`${'['.repeat(500)}${']'.repeat(500)}`), 0, /nested more than 100 deep/],
    [
      'deep block nesting',
      object(`\n${Array.from({ length: 900 }, (_, i) => `${' '.repeat(i + 1)}a:`).join('\n')}`),
      0,
      /nested more than 100 deep/,
    ],
    ['a key given twice', object('{ hosts: [a], hosts: [b] }'), 0, /the key "hosts" is there twice/],
    ['an unclosed quote', object('"abc'), 0, /is no YAML/],
    ['a tab as indentation', 'apiVersion: v1\nkind:\n\tx: 1\n', 0, /is no YAML/],
    ['NUL', 'a: \0', 0, /is no YAML|mapping|must be set/],
    ['an unknown tag', object('!!js/function "x"'), 0, /must be a mapping/],
    ['keys of the prototype', object('{ __proto__: { hosts: [a] }, constructor: 1, http: [] }'), 1, /unknown field/],
    ['too large a file', `# ${'x'.repeat(3 * 1024 * 1024)}`, 0, /more than 2 MiB/],
    [
      'a number that is none',
      object('{ http: [{ route: [{ destination: { host: a }, weight: .nan }] }] }'),
      0,
      /whole number/,
    ],
    [
      'an account that would be an identity of another namespace',
      `apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: { name: a }
spec: { address: 127.0.0.1, serviceAccount: a/ns/admin/sa/root }
`,
      0,
      /name of a service account/,
    ],
    ['a key that is a mapping', object('{ ? { a: b } : c, http: [] }'), 1, /unknown field/],
  ])('%s', (_, text, objects, message) => {
    const result = read(text);
    expect(result.objects).toBe(objects);
    if (message === undefined) expect(result.messages).toEqual([]);
    else expect(result.messages.join('\n')).toMatch(message);
  });

  it.each([
    [
      'many keys',
      (n: number) => object(`\n${Array.from({ length: n }, (_, i) => `  k${i}: 1`).join('\n')}\n  http: []`),
    ],
    ['many errors', (n: number) => object(`\n  hosts: [${'1, '.repeat(n)}]\n  http: []`)],
    ['many documents', (n: number) => Array.from({ length: n / 10 }, () => object('{ http: [] }')).join('---\n')],
    ['a long line', (n: number) => object(`{ hosts: ["${'a'.repeat(n * 10)}"], http: [] }`)],
    ['unclosed brackets in quotes', (n: number) => object(`{ hosts: ["${'[{'.repeat(n)}"], http: [] }`)],
  ])('reads %s in time that grows no faster than the file', (_, make) => {
    read(make(2_000));
    const small = read(make(2_000)).ms;
    const large = read(make(20_000)).ms;
    expect(large).toBeLessThan(Math.max(small, 5) * 60);
  });

  it('gives a bounded number of findings', () => {
    expect(read(object(`\n  hosts: [${'1, '.repeat(5_000)}]\n  http: []`)).messages.length).toBe(100);
  });

  it('changes no prototype', () => {
    read(object('{ __proto__: { polluted: 1 }, http: [] }'));
    expect(({} as { polluted?: number }).polluted).toBeUndefined();
  });
});

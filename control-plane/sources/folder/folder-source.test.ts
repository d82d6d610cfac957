import { mkdir, mkdtemp, rename, rm, symlink, unlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { formatFinding } from '../../api/finding.js';
import type { ConfigSet } from '../source.js';
import { FolderSource } from './folder-source.js';

let root: string;
let source: FolderSource | undefined;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'weft-folder-'));
});

afterEach(async () => {
  await source?.stop();
  source = undefined;
  await rm(root, { recursive: true, force: true });
});

/** Starts watching, and gives all sets that came and a way to wait for one. */
async function watched(): Promise<{
  readonly sets: ConfigSet[];
  until(matches: (set: ConfigSet) => boolean): Promise<ConfigSet>;
}> {
  const sets: ConfigSet[] = [];
  const waiting = new Set<() => void>();
  source = new FolderSource(root);
  await source.start((set) => {
    sets.push(set);
    for (const wake of waiting) wake();
  });
  return {
    sets,
    until: (matches) =>
      new Promise((resolve) => {
        const check = (): void => {
          const last = sets.at(-1);
          if (last === undefined || !matches(last)) return;
          waiting.delete(check);
          resolve(last);
        };
        waiting.add(check);
        check();
      }),
  };
}

const write = (name: string, text: string): Promise<void> => writeFile(join(root, name), text);
const names = (set: ConfigSet | undefined): string[] => [...(set?.objects.keys() ?? [])].sort();
const messages = (set: ConfigSet | undefined): string[] => (set?.findings ?? []).map(formatFinding);

const virtualService = (name: string, timeout = '1s'): string => `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: ${name} }
spec:
  hosts: [${name}]
  http:
    - timeout: ${timeout}
      route: [{ destination: { host: ${name} } }]
`;

const denyAll = `apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: deny, namespace: prod }
spec: { selector: { matchLabels: { app: x } }, action: DENY, rules: [{}] }
`;

function timeoutOf(set: ConfigSet, name: string): unknown {
  const spec = [...set.objects.values()].find((object) => object.metadata.name === name)?.spec;
  return (spec as { http: { timeout: string }[] } | undefined)?.http[0]?.timeout;
}

describe('FolderSource', () => {
  it('delivers the whole folder before start resolves, sub-folders, JSON and lists included', async () => {
    await mkdir(join(root, 'sub/deep'), { recursive: true });
    await write('a.yaml', `${virtualService('a')}---\n${virtualService('b')}`);
    await write('sub/deep/c.yml', virtualService('c'));
    await write(
      'd.json',
      JSON.stringify({ apiVersion: 'v1', kind: 'Service', metadata: { name: 'd' }, spec: { ports: [{ port: 80 }] } }),
    );
    const indented = virtualService('e').replaceAll('\n', '\n    ');
    await write('list.yaml', `apiVersion: v1\nkind: List\nitems:\n  - ${indented}\n`);
    await write('notes.txt', 'kind: nothing');
    await write('.hidden.yaml', virtualService('hidden'));
    await write('a.yaml~', virtualService('backup'));
    const { sets } = await watched();
    expect(names(sets[0])).toEqual([
      'Service/default/d',
      'VirtualService/default/a',
      'VirtualService/default/b',
      'VirtualService/default/c',
      'VirtualService/default/e',
    ]);
    expect(messages(sets[0])).toEqual([]);
  });

  it('refuses to start on a folder that is not there', async () => {
    await expect(new FolderSource(join(root, 'none')).start(() => {})).rejects.toThrow(/ENOENT/);
  });

  it('sees edits, new files and deletions', async () => {
    await write('a.yaml', virtualService('a'));
    const { until } = await watched();
    await write('a.yaml', virtualService('a', '2s'));
    await until((set) => timeoutOf(set, 'a') === '2s');
    await mkdir(join(root, 'later'));
    await write('later/b.yaml', virtualService('b'));
    await until((set) => names(set).length === 2);
    await unlink(join(root, 'a.yaml'));
    expect(names(await until((set) => names(set).length === 1))).toEqual(['VirtualService/default/b']);
  });

  it('takes well under a second from an edit to its event', async () => {
    await write('a.yaml', virtualService('a'));
    const { until } = await watched();
    const times: number[] = [];
    for (let round = 2; round < 7; round++) {
      const started = performance.now();
      await write('a.yaml', virtualService('a', `${round}s`));
      await until((set) => timeoutOf(set, 'a') === `${round}s`);
      times.push(performance.now() - started);
    }
    expect(Math.min(...times)).toBeLessThan(300);
  });

  it('gives no event for what changes nothing', async () => {
    await write('a.yaml', virtualService('a'));
    const { sets, until } = await watched();
    await write('a.yaml', virtualService('a'));
    await write('readme.md', 'text');
    await write('b.yaml', virtualService('b'));
    await until((set) => names(set).length === 2);
    expect(sets.length).toBe(2);
  });

  it('follows a file that is replaced by a rename, as editors do it', async () => {
    await write('a.yaml', virtualService('a'));
    const { sets, until } = await watched();
    await write('.a.yaml.swp', virtualService('a', '2s'));
    await rename(join(root, '.a.yaml.swp'), join(root, 'a.yaml'));
    await until((set) => timeoutOf(set, 'a') === '2s');
    expect(sets.every((set) => names(set).length === 1)).toBe(true);
  });

  it('does not drop objects while a file is removed and written anew', async () => {
    await write('a.yaml', virtualService('a'));
    const { sets, until } = await watched();
    await rename(join(root, 'a.yaml'), join(root, 'a.yaml~'));
    await new Promise((resolve) => setTimeout(resolve, 60));
    await write('a.yaml', virtualService('a', '2s'));
    await until((set) => timeoutOf(set, 'a') === '2s');
    expect(sets.every((set) => names(set).length === 1)).toBe(true);
  });

  it('moves with a file that gets another name, without a word about duplicates', async () => {
    await write('a.yaml', virtualService('a'));
    const { sets, until } = await watched();
    await rename(join(root, 'a.yaml'), join(root, 'b.yaml'));
    await until((set) => [...set.objects.values()].every(({ origin }) => origin?.file === 'b.yaml'));
    expect(sets.flatMap(messages)).toEqual([]);
    expect(sets.every((set) => names(set).length === 1)).toBe(true);
  });

  it('follows links that are swapped, as Kubernetes mounts a ConfigMap', async () => {
    await mkdir(join(root, '..1'));
    await mkdir(join(root, '..2'));
    await write('..1/a.yaml', virtualService('a'));
    await write('..2/a.yaml', virtualService('a', '2s'));
    await symlink('..1', join(root, '..data'));
    await symlink('..data/a.yaml', join(root, 'a.yaml'));
    const { sets, until } = await watched();
    expect(names(sets[0])).toEqual(['VirtualService/default/a']);
    await symlink('..2', join(root, '..tmp'));
    await rename(join(root, '..tmp'), join(root, '..data'));
    await until((set) => timeoutOf(set, 'a') === '2s');
  });

  it('reads a folder that links to itself once', async () => {
    await write('a.yaml', virtualService('a'));
    await symlink('.', join(root, 'loop'));
    const { sets } = await watched();
    expect(names(sets[0])).toEqual(['VirtualService/default/a']);
    expect(messages(sets[0])).toEqual([]);
  });

  it('keeps the last good state of a broken object, and says where and why', async () => {
    await write('a.yaml', `${virtualService('a')}---\n${virtualService('b')}`);
    const { until } = await watched();
    await write('a.yaml', `${virtualService('a', '5')}---\n${virtualService('b', '2s')}`);
    const set = await until((now) => now.findings.length > 0);
    expect(messages(set)).toEqual([
      'a.yaml:7 spec.http[0].timeout: must be a duration of at least 1ms such as "1.5s" or "100ms", got 5; the last good version stays in force',
    ]);
    expect([timeoutOf(set, 'a'), timeoutOf(set, 'b')]).toEqual(['1s', '2s']);
    await write('a.yaml', virtualService('a', '3s'));
    const fixed = await until((now) => now.findings.length === 0);
    expect(timeoutOf(fixed, 'a')).toBe('3s');
    expect(names(fixed)).toEqual(['VirtualService/default/a']);
  });

  it('keeps all of a file that is no YAML any more', async () => {
    await write('a.yaml', `${virtualService('a')}---\n${virtualService('b')}`);
    const { until } = await watched();
    await write('a.yaml', 'spec: [unclosed\n');
    const set = await until((now) => now.findings.length > 0);
    expect(names(set)).toEqual(['VirtualService/default/a', 'VirtualService/default/b']);
    expect(messages(set)).toEqual([
      expect.stringMatching(/^a\.yaml:\d+: is no YAML: .*; the last good version stays in force$/),
    ]);
  });

  it('names both places of an object that is defined twice; the first by path counts', async () => {
    await write('b.yaml', virtualService('a', '2s'));
    await write('a.yaml', virtualService('a'));
    const { sets } = await watched();
    expect(timeoutOf(sets[0]!, 'a')).toBe('1s');
    expect(messages(sets[0])).toEqual([
      'b.yaml:1 VirtualService default/a: is defined already in a.yaml:1, which counts; remove one of them',
    ]);
  });

  it.each([
    ['a field of the wrong type', denyAll.replace('DENY', 'REFUSE'), { app: 'x' }],
    ['an unknown field', denyAll.replace('action:', 'acton:'), { app: 'x' }],
    ['a version that it has not', denyAll.replace('/v1', '/v3'), { app: 'x' }],
    ['a selector that cannot be read', denyAll.replace('matchLabels', 'matchLabel'), undefined],
    ['text that is no YAML', `${denyAll}  broken: "`, undefined],
  ])('fails closed on a policy with %s', async (_, text, selector) => {
    await write('a.yaml', text);
    const { sets, until } = await watched();
    expect(sets[0]?.unreadablePolicies).toEqual([
      { kind: 'AuthorizationPolicy', namespace: 'prod', name: 'deny', selector },
    ]);
    await write('a.yaml', denyAll);
    const fixed = await until((set) => set.objects.size === 1);
    expect(fixed.unreadablePolicies).toEqual([]);
  });

  it('keeps a policy that was readable once instead of closing its workloads', async () => {
    await write('a.yaml', denyAll);
    const { until } = await watched();
    await write('a.yaml', denyAll.replace('DENY', 'REFUSE'));
    const set = await until((now) => now.findings.length > 0);
    expect(names(set)).toEqual(['AuthorizationPolicy/prod/deny']);
    expect(set.unreadablePolicies).toEqual([]);
  });

  it('ends with the last of many quick edits', async () => {
    await write('a.yaml', virtualService('a'));
    const { until } = await watched();
    for (let i = 1; i <= 200; i++) await write('a.yaml', virtualService('a', `${i}ms`));
    await until((set) => timeoutOf(set, 'a') === '200ms');
  });

  it('keeps everything when the folder itself goes away, and picks it up when it is back', async () => {
    await write('a.yaml', virtualService('a'));
    const { until } = await watched();
    await rename(root, `${root}-away`);
    const set = await until((now) => now.findings.length > 0);
    expect(names(set)).toEqual(['VirtualService/default/a']);
    await rename(`${root}-away`, root);
    await until((now) => now.findings.length === 0 && now.objects.size === 1);
  });
});

import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { addressOptions } from '../../common/runtime/socket-path.js';
import { BoundSocket } from './bound-socket.js';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'weft-socket-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

async function answers(host: string): Promise<string> {
  const socket = connect(addressOptions({ ip: host, port: 0 }));
  const [data] = (await once(socket, 'data')) as [Buffer];
  socket.destroy();
  return data.toString();
}

describe('a Unix socket to listen at', () => {
  it.each([
    ['a path', () => join(folder, 'a.sock')],
    ['an abstract name', () => `@${folder}`],
  ])('is %s', async (_what, place) => {
    const host = place();
    const bound = await BoundSocket.bind({ host, port: 0 }, (socket) => socket.end('here'));
    expect(await answers(host)).toBe('here');
    expect(bound.address).toEqual({ host, port: 0 });
    expect(bound.key).toBe(host);
    bound.close();
  });

  it('takes the place of one that was left behind', async () => {
    const host = join(folder, 'stale.sock');
    const before = createServer().listen(host);
    await once(before, 'listening');
    const bound = await BoundSocket.bind({ host, port: 0 }, (socket) => socket.end('new'));
    expect(await answers(host)).toBe('new');
    bound.close();
    before.close();
  });

  it('takes the place of no file', async () => {
    const host = join(folder, 'file');
    writeFileSync(host, 'mine');
    await expect(BoundSocket.bind({ host, port: 0 }, () => undefined)).rejects.toThrow(`cannot bind ${host}`);
    expect(existsSync(host)).toBe(true);
  });
});

import { createSocket, type Socket as UdpSocket } from 'node:dgram';
import { type AddressInfo, connect, createServer, type Server } from 'node:net';
import { type Answer, type DecodedPacket, decode, encode, type Packet } from 'dns-packet';
import { afterEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../common/runtime/clock.js';
import { createLogger } from '../../common/runtime/log.js';
import { DnsProxy } from './dns-proxy.js';
import { readQuery } from './message.js';
import { FrameReader, frame } from './tcp-frames.js';

const TABLE = {
  'reviews.default.svc.cluster.local': {
    ips: ['10.96.0.1'],
    registry: 'Kubernetes',
    shortname: 'reviews',
    namespace: 'default',
  },
  'cart.shop.svc.cluster.local': {
    ips: ['10.96.0.2', 'fd00::2'],
    registry: 'Kubernetes',
    shortname: 'cart',
    namespace: 'shop',
  },
  'db.default.svc.cluster.local': {
    ips: ['10.1.0.1', '10.1.0.2', '10.1.0.3'],
    registry: 'Kubernetes',
    shortname: 'db',
    namespace: 'default',
  },
  'db-0.db.default.svc.cluster.local': {
    ips: ['10.1.0.1'],
    registry: 'Kubernetes',
    shortname: 'db-0.db',
    namespace: 'default',
  },
  'API.example.com': { ips: ['240.240.3.4', '2001:2::f0f0:304'] },
  '*.wild.example.com': { ips: ['192.0.2.9'] },
  '*.deep.wild.example.com': { ips: ['192.0.2.10'] },
  'many.example.com': { ips: Array.from({ length: 60 }, (_, i) => `192.0.2.${i}`) },
};

const closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers.splice(0)) close();
});

/** A name server that answers what `reply` says; undefined says nothing. */
async function nameServer(
  reply: (query: DecodedPacket, udp: boolean) => Packet | undefined,
): Promise<{ port: number; seen: string[] }> {
  const seen: string[] = [];
  const answer = (bytes: Buffer, udp: boolean): Buffer | undefined => {
    const query = decode(bytes);
    seen.push(`${udp ? 'udp' : 'tcp'} ${query.questions?.[0]?.type} ${query.questions?.[0]?.name}`);
    const packet = reply(query, udp);
    return packet && encode({ type: 'response', id: query.id ?? 0, questions: query.questions ?? [], ...packet });
  };
  for (;;) {
    const tcp: Server = createServer((socket) => {
      const reader = new FrameReader();
      socket.on('error', () => {});
      socket.on('data', (chunk) => {
        for (const message of reader.read(chunk)) {
          const bytes = answer(message, false);
          if (bytes !== undefined) socket.write(frame(bytes));
        }
      });
    });
    await new Promise<void>((resolve) => tcp.listen(0, '127.0.0.1', resolve));
    const { port } = tcp.address() as AddressInfo;
    const udp: UdpSocket = createSocket('udp4');
    udp.on('message', (bytes, from) => {
      const out = answer(bytes, true);
      if (out !== undefined) udp.send(out, from.port, from.address);
    });
    const bound = await new Promise<boolean>((resolve) => {
      udp.once('error', () => resolve(false));
      udp.bind(port, '127.0.0.1', () => resolve(true));
    });
    closers.push(
      () => tcp.close(),
      () => udp.close(),
    );
    if (bound) return { port, seen };
  }
}

async function start(
  options: { table?: object | undefined; port?: number; servers?: string[] } = {},
): Promise<DnsProxy> {
  const log = createLogger('test');
  log.level = 'silent';
  const servers = options.servers ?? ['127.0.0.1'];
  const proxy = new DnsProxy({
    hosts: ['127.0.0.1'],
    port: 0,
    namespace: 'default',
    clock: systemClock,
    random: Math.random,
    log,
    upstream: {
      config: () => ({ servers, search: ['default.svc.cluster.local', 'corp.example'] }),
      port: options.port ?? 9,
    },
  });
  if (!('table' in options) || options.table !== undefined) {
    const message = { table: options.table ?? TABLE };
    expect(proxy.names.apply({ upserts: new Map([['name-table', message]]), removals: [], version: '1' })).toEqual([]);
  }
  await proxy.start();
  closers.push(() => proxy.close());
  return proxy;
}

function sendUdp(proxy: DnsProxy, bytes: Buffer): Promise<DecodedPacket> {
  const socket = createSocket('udp4');
  return new Promise((resolve, reject) => {
    socket.on('error', reject);
    socket.on('message', (answer) => {
      socket.close();
      resolve(decode(answer));
    });
    socket.send(bytes, proxy.port ?? 0, '127.0.0.1');
  });
}

function ask(
  proxy: DnsProxy,
  name: string,
  type: 'A' | 'AAAA' | 'MX' = 'A',
  over: Partial<Packet> = {},
): Promise<DecodedPacket> {
  return sendUdp(
    proxy,
    encode({ type: 'query', id: 4711, flags: 0x0100, questions: [{ type, name, class: 'IN' }], ...over }),
  );
}

function askTcp(proxy: DnsProxy, names: readonly string[]): Promise<DecodedPacket[]> {
  const socket = connect(proxy.port ?? 0, '127.0.0.1');
  const reader = new FrameReader();
  const found: DecodedPacket[] = [];
  return new Promise((resolve, reject) => {
    socket.on('error', reject);
    socket.on('close', () => resolve(found));
    socket.on('data', (chunk) => {
      for (const message of reader.read(chunk)) found.push(decode(message));
      if (found.length === names.length) socket.destroy();
    });
    socket.write(
      Buffer.concat(names.map((name, id) => frame(encode({ type: 'query', id, questions: [{ type: 'A', name }] })))),
    );
  });
}

const data = ({ answers = [] }: DecodedPacket): unknown[] =>
  answers.map((one: Answer) => (one as { data?: unknown }).data);
const rcode = (packet: DecodedPacket): string => (packet as unknown as { rcode: string }).rcode;

describe('names of the mesh', () => {
  it.each([
    ['reviews.default.svc.cluster.local', ['10.96.0.1']],
    ['reviews.default.svc', ['10.96.0.1']],
    ['reviews.default', ['10.96.0.1']],
    ['reviews', ['10.96.0.1']],
    ['REVIEWS', ['10.96.0.1']],
    ['cart.shop', ['10.96.0.2']],
    ['db-0.db', ['10.1.0.1']],
    ['api.example.com', ['240.240.3.4']],
    ['x.wild.example.com', ['192.0.2.9']],
    ['x.y.wild.example.com', ['192.0.2.9']],
    ['x.deep.wild.example.com', ['192.0.2.10']],
    ['api.example.com.default.svc.cluster.local', ['api.example.com', '240.240.3.4']],
  ])('%s', async (name, expected) => {
    const answer = await ask(await start(), name);
    expect({ data: data(answer), rcode: rcode(answer), id: answer.id }).toEqual({
      data: expected,
      rcode: 'NOERROR',
      id: 4711,
    });
    expect(answer.questions?.[0]?.name).toBe(name);
  });

  it('has addresses of both families, and none of one that a name has not', async () => {
    const proxy = await start();
    expect(data(await ask(proxy, 'cart.shop', 'AAAA'))).toEqual(['fd00::2']);
    const none = await ask(proxy, 'reviews', 'AAAA');
    expect({ rcode: rcode(none), data: data(none) }).toEqual({ rcode: 'NOERROR', data: [] });
  });

  it('begins with another address each time', async () => {
    const proxy = await start();
    const firsts: unknown[] = [];
    for (let i = 0; i < 4; i++) firsts.push(data(await ask(proxy, 'db.default'))[0]);
    expect(firsts).toEqual(['10.1.0.1', '10.1.0.2', '10.1.0.3', '10.1.0.1']);
  });

  it('cuts long answers, which TCP has whole, or a larger UDP packet', async () => {
    const proxy = await start();
    const cut = await ask(proxy, 'many.example.com');
    expect({ cut: cut.flag_tc, data: data(cut) }).toEqual({ cut: true, data: [] });
    const [whole] = await askTcp(proxy, ['many.example.com']);
    expect(whole?.answers).toHaveLength(60);
    const large = await ask(proxy, 'many.example.com', 'A', {
      additionals: [
        {
          type: 'OPT',
          name: '.',
          udpPayloadSize: 4096,
          extendedRcode: 0,
          ednsVersion: 0,
          flags: 0,
          flag_do: false,
          options: [],
        },
      ],
    });
    expect(large.answers).toHaveLength(60);
  });

  it('takes several queries of one TCP connection', async () => {
    const found = await askTcp(await start(), ['reviews', 'cart.shop', 'api.example.com']);
    expect(found.map((one) => [one.id, ...data(one)])).toEqual([
      [0, '10.96.0.1'],
      [1, '10.96.0.2'],
      [2, '240.240.3.4'],
    ]);
  });

  it('knows nothing before a table has come, and keeps the last good one', async () => {
    const proxy = await start({ table: undefined });
    expect(rcode(await ask(proxy, 'reviews'))).toBe('SERVFAIL');
    const apply = (ips: string[]) =>
      proxy.names.apply({
        upserts: new Map([['name-table', { table: { 'a.example': { ips } } }]]),
        removals: [],
        version: '',
      });
    expect(apply(['192.0.2.1'])).toEqual([]);
    expect(apply(['nonsense'])).toEqual([
      { resource: 'name-table', message: "a.example: 'nonsense' is not an address" },
    ]);
    expect(data(await ask(proxy, 'a.example'))).toEqual(['192.0.2.1']);
  });
});

describe('other names', () => {
  const answer = (address: string): Packet => ({
    answers: [{ type: 'A', name: 'other.example', ttl: 5, data: address }],
  });

  it('are asked of the name servers as they were asked, whatever the type', async () => {
    const server = await nameServer(() => answer('198.51.100.1'));
    const proxy = await start({ port: server.port });
    const found = await ask(proxy, 'other.example');
    expect({ data: data(found), id: found.id }).toEqual({ data: ['198.51.100.1'], id: 4711 });
    await ask(proxy, 'reviews', 'MX');
    expect(await askTcp(proxy, ['other.example'])).toHaveLength(1);
    // What a bare name means below another domain is not known to us.
    await ask(proxy, 'reviews.corp.example');
    expect(server.seen).toEqual([
      'udp A other.example',
      'udp MX reviews',
      'tcp A other.example',
      'udp A reviews.corp.example',
    ]);
    expect(proxy.statistics).toMatchObject({ requests: 4, upstreamRequests: 4, upstreamFailures: 0 });
  });

  it('pass an answer on that was cut, for the client to ask by TCP', async () => {
    const server = await nameServer((_, udp) => (udp ? { flags: 0x0200 } : answer('198.51.100.2')));
    const proxy = await start({ port: server.port });
    expect((await ask(proxy, 'other.example')).flag_tc).toBe(true);
    expect(data((await askTcp(proxy, ['other.example']))[0] as DecodedPacket)).toEqual(['198.51.100.2']);
  });

  it('are asked of the next server when one refuses or is not there', async () => {
    const server = await nameServer(({ questions }) =>
      questions?.[0]?.name === 'no.example' ? { flags: 3 } : { flags: 2 },
    );
    const proxy = await start({ port: server.port, servers: ['127.0.0.9', '127.0.0.1'] });
    expect(rcode(await ask(proxy, 'no.example'))).toBe('NXDOMAIN');
    expect(rcode(await ask(proxy, 'bad.example'))).toBe('SERVFAIL');
  });

  it('fail when nobody answers', async () => {
    const proxy = await start({ servers: [] });
    expect(rcode(await ask(proxy, 'other.example'))).toBe('SERVFAIL');
    expect(proxy.statistics).toMatchObject({ upstreamRequests: 1, upstreamFailures: 1 });
  });

  it('are not answered by a packet that answers another question', async () => {
    const server = await nameServer(() => ({
      ...answer('203.0.113.66'),
      questions: [{ type: 'A', name: 'evil.example' }],
    }));
    const proxy = await start({ port: server.port });
    const found = await ask(proxy, 'other.example');
    expect({ rcode: rcode(found), data: data(found) }).toEqual({ rcode: 'SERVFAIL', data: [] });
  });
});

describe('hostile packets', () => {
  const query = encode({ type: 'query', id: 1, questions: [{ type: 'A', name: 'reviews' }] });
  const changed = (change: (bytes: Buffer) => void): Buffer => {
    const bytes = Buffer.from(query);
    change(bytes);
    return bytes;
  };
  it('are passed over', async () => {
    const proxy = await start({ servers: [] });
    const bad = [
      Buffer.alloc(0),
      Buffer.from([1]),
      query.subarray(0, 11),
      query.subarray(0, 15),
      changed((b) => b.writeUInt16BE(0x8000, 2)),
      changed((b) => b.writeUInt16BE(0x2800, 2)),
      changed((b) => b.writeUInt16BE(0, 4)),
      changed((b) => b.writeUInt16BE(65_535, 4)),
      changed((b) => b.writeUInt16BE(65_535, 6)),
      changed((b) => b.writeUInt16BE(65_535, 10)),
      // A pointer to itself, a label of a reserved kind, a label longer than the packet.
      changed((b) => b.writeUInt16BE(0xc00c, 12)),
      changed((b) => b.writeUInt8(0x80, 12)),
      changed((b) => b.writeUInt8(63, 12)),
      Buffer.alloc(9000, 1),
    ];
    const socket = createSocket('udp4');
    closers.push(() => socket.close());
    for (const bytes of bad) await new Promise((resolve) => socket.send(bytes, proxy.port ?? 0, '127.0.0.1', resolve));
    expect(data(await ask(proxy, 'reviews'))).toEqual(['10.96.0.1']);
    expect(proxy.statistics.malformed).toBeGreaterThan(10);
  });

  it('of any kind do not throw', () => {
    let seed = 1;
    const random = (below: number): number => {
      seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0;
      return (seed >>> 8) % below;
    };
    let read = 0;
    for (let i = 0; i < 20_000; i++) {
      const bytes = Buffer.from(query);
      for (let n = random(4); n >= 0; n--) bytes[2 + random(bytes.length - 2)] = random(256);
      if (readQuery(bytes.subarray(0, bytes.length - random(3))) !== undefined) read++;
    }
    expect(read).toBeGreaterThan(100);
  });

  it('end a TCP connection', async () => {
    const proxy = await start();
    const socket = connect(proxy.port ?? 0, '127.0.0.1');
    const closed = new Promise((resolve) => socket.on('close', resolve));
    socket.on('error', () => {});
    socket.write(frame(Buffer.alloc(40, 0xff)));
    await closed;
    expect(data(await ask(proxy, 'reviews'))).toEqual(['10.96.0.1']);
  });
});

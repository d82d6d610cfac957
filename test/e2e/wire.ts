import { Background, kubectl, PLAIN } from './cluster.js';

/** What passed on the wire: how many TLS records of handshakes and of data, and which lines of HTTP could be read. */
export interface Wire {
  readonly packets: number;
  readonly tlsRecords: number;
  readonly plaintext: readonly string[];
}

const PCAP_HEADER = 24;
const PACKET_HEADER = 16;

/** Watches the node's interfaces while `traffic` runs. `filter` is tcpdump's. */
export async function watchWire(filter: string, traffic: () => Promise<unknown>): Promise<Wire> {
  const args = [
    'exec',
    '-i',
    '-n',
    PLAIN,
    'sniffer',
    '--',
    'timeout',
    '120',
    'tcpdump',
    '-i',
    'any',
    '-s',
    '0',
    '-U',
    '-w',
    '-',
    filter,
  ];
  const tcpdump = new Background('kubectl', args);
  const deadline = Date.now() + 20_000;
  while (tcpdump.stdout.length < PCAP_HEADER) {
    if (Date.now() > deadline) throw new Error(`tcpdump does not start: ${tcpdump.stderr}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  await traffic();
  // What was seen last is on its way.
  await new Promise((resolve) => setTimeout(resolve, 1000));
  await tcpdump.kill();
  await kubectl('exec', '-n', PLAIN, 'sniffer', '--', 'sh', '-c', 'kill $(pidof tcpdump) || true').catch(
    () => undefined,
  );
  return readPcap(tcpdump.stdout);
}

/** Looks through the packets of a capture file (libpcap's format, little endian). */
export function readPcap(bytes: Buffer): Wire {
  let at = PCAP_HEADER;
  let packets = 0;
  let tlsRecords = 0;
  const plaintext = new Set<string>();
  while (at + PACKET_HEADER <= bytes.length) {
    const length = bytes.readUInt32LE(at + 8);
    const packet = bytes.subarray(at + PACKET_HEADER, at + PACKET_HEADER + length);
    at += PACKET_HEADER + length;
    packets++;
    const text = packet.toString('latin1');
    if (hasTlsRecord(packet)) tlsRecords++;
    const line = /(?:GET|POST) \/\S* HTTP\/1\.1|HTTP\/1\.1 \d{3}|"podname"|William Shakespeare|220 greetings/.exec(
      text,
    );
    if (line !== null) plaintext.add(line[0]);
  }
  return { packets, tlsRecords, plaintext: [...plaintext] };
}

/** The type of a record (20 to 23), then a version from 3.1 to 3.3. */
function hasTlsRecord(packet: Buffer): boolean {
  for (let at = packet.indexOf(3); at > 0; at = packet.indexOf(3, at + 1)) {
    const type = packet[at - 1] ?? 0;
    const minor = packet[at + 1] ?? 0;
    if (type >= 20 && type <= 23 && minor >= 1 && minor <= 3) return true;
  }
  return false;
}

import { mkdir, open, readFile, rename } from 'node:fs/promises';
import { dirname } from 'node:path';
import { isMapping } from '../../api/schema/schema.js';

/** Ports of one sidecar, as kept in the state file. */
export interface KeptPorts {
  /** By application port, in decimal. */
  readonly inbound: Readonly<Record<string, number>>;
  readonly outbound: number;
  readonly admin: number;
}

export type KeptAllotments = ReadonlyMap<string, KeptPorts>;

/**
 * The allotments of an earlier run. A missing file has none; so has a broken one, which is worth a warning but no failure,
 * since ports can be allotted anew.
 */
export async function loadAllotments(
  path: string,
): Promise<{ readonly kept: KeptAllotments; readonly fault?: string }> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return { kept: new Map() };
    throw error;
  }
  let content: unknown;
  try {
    content = JSON.parse(text);
  } catch {
    return { kept: new Map(), fault: `${path} is no JSON; ports are allotted anew` };
  }
  const workloads = isMapping(content) ? content['workloads'] : undefined;
  if (!isMapping(workloads)) return { kept: new Map(), fault: `${path} is no list of ports; ports are allotted anew` };
  const kept = new Map<string, KeptPorts>();
  for (const [key, value] of Object.entries(workloads)) if (isKeptPorts(value)) kept.set(key, value);
  return { kept };
}

function isKeptPorts(value: unknown): value is KeptPorts {
  if (!isMapping(value) || !isMapping(value['inbound'])) return false;
  const ports = [value['outbound'], value['admin'], ...Object.values(value['inbound'])];
  return ports.every((port) => typeof port === 'number' && Number.isInteger(port) && port >= 1 && port <= 65_535);
}

/** Writes the file whole, or leaves the old one: a crash in between must not lose every port. */
export async function saveAllotments(path: string, kept: KeptAllotments): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  const text = `${JSON.stringify({ version: 1, workloads: Object.fromEntries(kept) }, null, 2)}\n`;
  const draft = `${path}.${process.pid}.tmp`;
  const handle = await open(draft, 'w', 0o600);
  try {
    await handle.writeFile(text);
    await handle.chmod(0o600);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(draft, path);
}

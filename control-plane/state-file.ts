import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { writeAtomically } from './ca/files.js';

/** What a running control plane says about itself in `control-plane.json` of its state folder. */
export interface ControlPlaneState {
  readonly pid: number;
  /** `host:port` of xDS and CA over TLS. */
  readonly xdsAddress: string;
  readonly plaintextXdsAddress?: string;
  /** Base URL of the debug server. */
  readonly debugUrl: string;
  /** Path of the PEM root. */
  readonly rootCertificate: string;
  readonly trustDomain: string;
  /** RFC 3339. */
  readonly startedAt: string;
}

/** Ports of the last run, so that proxies find a control plane again that took free ones. */
export interface LastPorts {
  readonly xds?: number;
  readonly plaintextXds?: number;
  readonly debug?: number;
}

export async function writeState(stateDir: string, state: ControlPlaneState): Promise<void> {
  await writeAtomically(join(stateDir, 'control-plane.json'), `${JSON.stringify(state, undefined, 2)}\n`, 0o600);
}

/** Only what this process wrote: a successor may have started already. */
export async function removeState(stateDir: string, pid: number): Promise<void> {
  const path = join(stateDir, 'control-plane.json');
  const text = await readFile(path, 'utf8').catch(() => '');
  if (pidIn(text) === pid) await rm(path, { force: true });
}

function pidIn(text: string): number | undefined {
  try {
    return (JSON.parse(text) as { pid?: number }).pid;
  } catch {
    return undefined;
  }
}

export async function readLastPorts(stateDir: string): Promise<LastPorts> {
  try {
    return JSON.parse(await readFile(join(stateDir, 'control-plane-ports.json'), 'utf8')) as LastPorts;
  } catch {
    return {};
  }
}

export async function writeLastPorts(stateDir: string, ports: LastPorts): Promise<void> {
  await writeAtomically(join(stateDir, 'control-plane-ports.json'), `${JSON.stringify(ports)}\n`, 0o600);
}

/** Listens on the wanted port; where that is 0, on the last one if it is still free, otherwise on any. */
export async function listenAgain(
  wanted: number,
  last: number | undefined,
  listen: (port: number) => Promise<number>,
): Promise<number> {
  if (wanted !== 0 || last === undefined || last === 0) return listen(wanted);
  return listen(last).catch(() => listen(0));
}

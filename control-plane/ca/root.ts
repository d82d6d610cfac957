import { createPrivateKey, createPublicKey, type KeyObject, X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { buildRootCertificate } from '../../common/identity/certificate.js';
import { createKeyPair, type KeyKind, privateKeyPem } from '../../common/identity/keys.js';
import type { Clock } from '../../common/runtime/clock.js';
import { WeftError } from '../../common/runtime/errors.js';
import type { Logger } from '../../common/runtime/log.js';
import type { Authority } from './authority.js';
import { privateFolder, readPrivateFile, writeAtomically } from './files.js';

const ROOT_LIFE_MS = 10 * 365 * 86_400_000;
const CLOCK_SKEW_MS = 60_000;

/** What a root is like that is made here. */
export interface RootOptions {
  readonly organization: string;
  /** P-256 unless told otherwise. */
  readonly keyKind?: KeyKind;
  /** Ten years unless told otherwise. */
  readonly lifeMs?: number;
}

export interface RootCa extends Authority {
  /** PEM. */
  readonly pem: string;
  /** Path of the PEM, for who has to trust it. */
  readonly path: string;
}

/**
 * The root of a state folder: `ca/root.key` (mode 600) and `ca/root.pem`; made at first start. Throws a WeftError when what
 * is there cannot be used: a new root would cut off every proxy that trusts the old one.
 */
export async function loadRootCa(
  options: RootOptions & { readonly stateDir: string },
  clock: Clock,
  log: Logger,
): Promise<RootCa> {
  const folder = join(options.stateDir, 'ca');
  await privateFolder(folder);
  const keyPath = join(folder, 'root.key');
  const path = join(folder, 'root.pem');
  const key = await readPrivateFile(keyPath, log);
  const pem = await readFile(path, 'utf8').catch(() => undefined);
  if (key === undefined && pem === undefined) return createRoot(keyPath, path, options, clock, log);
  if (key === undefined) throw unusable(`${keyPath} is missing while ${path} is there`);
  // A start that was cut off after the first file was written: nobody has seen that root yet.
  if (pem === undefined) return createRoot(keyPath, path, options, clock, log);
  return check(rootCa(createPrivateKey(key), pem, path), clock);
}

async function createRoot(
  keyPath: string,
  path: string,
  options: RootOptions,
  clock: Clock,
  log: Logger,
): Promise<RootCa> {
  const { privateKey, pem } = await makeRoot(options, clock);
  await writeAtomically(keyPath, privateKeyPem(privateKey), 0o600);
  await writeAtomically(path, pem, 0o644);
  log.info({ path }, 'made a new root certificate');
  return rootCa(privateKey, pem, path);
}

/** A new key and its self-signed certificate. */
export async function makeRoot(
  { organization, keyKind = 'P-256', lifeMs = ROOT_LIFE_MS }: RootOptions,
  clock: Clock,
): Promise<{ readonly privateKey: KeyObject; readonly pem: string }> {
  const keys = await createKeyPair(keyKind);
  const now = clock.now();
  const times = { notBefore: now - CLOCK_SKEW_MS, notAfter: now + lifeMs };
  return { privateKey: keys.privateKey, pem: buildRootCertificate({ ...keys, organization, ...times }) };
}

function rootCa(privateKey: KeyObject, pem: string, path: string): RootCa {
  const certificate = new X509Certificate(pem);
  const notAfter = Date.parse(certificate.validTo);
  return {
    privateKey,
    certificate,
    intermediates: [],
    roots: pem,
    notAfter,
    rootNotAfter: notAfter,
    source: path,
    pem,
    path,
  };
}

function check(root: RootCa, clock: Clock): RootCa {
  if (!createPublicKey(root.privateKey).equals(root.certificate.publicKey)) {
    throw unusable(`${root.path} does not belong to the key beside it`);
  }
  if (Date.parse(root.certificate.validTo) <= clock.now()) throw unusable(`${root.path} has expired`);
  if (!root.certificate.ca) throw unusable(`${root.path} is no certificate authority`);
  return root;
}

function unusable(reason: string): WeftError {
  return new WeftError(`the root certificate cannot be used: ${reason}`, { source: 'ca', retryable: false });
}

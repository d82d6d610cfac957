import { X509Certificate } from 'node:crypto';
import type { Authority } from './authority.js';
import { type AuthorityFiles, readPluggedAuthority } from './plugged-authority.js';

/** A root of our own, PEM. */
export interface RootPair {
  readonly certificate: string;
  readonly privateKey: string;
}

/**
 * `trust`: the other root is trusted too, and signs next. `sign`: the other one still is, and is dropped next. Nothing is left
 * to do once it has been.
 */
export type RotationStep = 'trust' | 'sign';

export interface Rotation {
  readonly id: string;
  readonly step: RotationStep;
  readonly cause: 'command' | 'schedule';
  /** Milliseconds since the epoch. */
  readonly startedAt: number;
  readonly stepSince: number;
  /** It was called off after the new root had begun to sign: the old one signs again, and the new one goes. */
  readonly aborted?: boolean;
  readonly other: RootPair;
}

/** The roots of a mesh that makes its own: all that a restart needs to go on where it was. */
export interface RootState {
  readonly signer: RootPair;
  readonly rotation?: Rotation;
}

/** The first step: `next` is trusted everywhere, and signs nothing. Throws an Error while another rotation is under way. */
export function beginRotation(
  state: RootState,
  next: RootPair,
  { id, cause, now }: { readonly id: string; readonly cause: Rotation['cause']; readonly now: number },
): RootState {
  if (state.rotation !== undefined) throw new Error('a rotation is under way already');
  return { ...state, rotation: { id, cause, step: 'trust', startedAt: now, stepSince: now, other: next } };
}

/** The next step, which everybody must be ready for. */
export function advanceRotation(state: RootState, now: number): RootState {
  const { signer, rotation } = state;
  if (rotation === undefined) return state;
  if (rotation.step === 'sign') return { signer };
  return { signer: rotation.other, rotation: { ...rotation, step: 'sign', stepSince: now, other: signer } };
}

/** Back to the old root: at once where the new one has signed nothing, in an orderly way where it has. */
export function abortRotation(state: RootState, now: number): RootState {
  const { signer, rotation } = state;
  if (rotation === undefined) throw new Error('no rotation is under way');
  if (rotation.step === 'trust') return { signer };
  if (rotation.aborted === true) return state;
  return { signer: rotation.other, rotation: { ...rotation, stepSince: now, aborted: true, other: signer } };
}

/** Every root that is trusted, PEM; the one that signs comes first. */
export function bundleOf({ signer, rotation }: RootState): string {
  return signer.certificate + (rotation?.other.certificate ?? '');
}

/** Throws a WeftError when the root cannot sign. */
export function authorityOf(state: RootState, source: string, now: number): Authority {
  return readPluggedAuthority(filesOf(state), source, now);
}

/** As a Secret holds it; also what Istio's tools read of one. */
export function filesOf(state: RootState): AuthorityFiles {
  const { signer, rotation } = state;
  const { other, ...facts } = rotation ?? {};
  return {
    'ca-cert.pem': signer.certificate,
    'ca-key.pem': signer.privateKey,
    'root-cert.pem': bundleOf(state),
    'other-cert.pem': other?.certificate,
    'other-key.pem': other?.privateKey,
    'rotation.json': rotation === undefined ? undefined : JSON.stringify(facts),
  };
}

/** The reverse of {@link filesOf}; undefined where there is no root, or what says how far its rotation is cannot be read. */
export function stateOf(files: AuthorityFiles): RootState | undefined {
  const certificate = files['ca-cert.pem'];
  const privateKey = files['ca-key.pem'];
  if (certificate === undefined || privateKey === undefined) return undefined;
  const signer = { certificate, privateKey };
  const text = files['rotation.json'];
  if (text === undefined) return { signer };
  try {
    const facts = JSON.parse(text) as Omit<Rotation, 'other'>;
    const other = { certificate: files['other-cert.pem'] ?? '', privateKey: files['other-key.pem'] ?? '' };
    new X509Certificate(other.certificate);
    if (facts.step !== 'trust' && facts.step !== 'sign') return undefined;
    return { signer, rotation: { ...facts, other } };
  } catch {
    return undefined;
  }
}

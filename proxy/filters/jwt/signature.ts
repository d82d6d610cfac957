import { candidates, fits, type KeySet } from './keys.js';
import type { JwtStatus } from './status.js';
import type { ParsedToken } from './token.js';

let library: Promise<typeof import('jose')> | undefined;

/** Checks the signature of a token by a set of keys, away from the event loop. The library is loaded by the first token. */
export async function verifySignature(token: ParsedToken, keys: KeySet): Promise<JwtStatus> {
  const usable = candidates(keys, token);
  if (usable.length === 0) return 'key-mismatch';
  if (token.alg === 'EdDSA' && Buffer.from(token.signature, 'base64url').length !== 64) {
    if (usable.some((key) => key.kind === 'OKP')) return 'signature-length';
  }
  library ??= import('jose');
  const { flattenedVerify } = await library;
  const jws = { protected: token.header, payload: token.payload, signature: token.signature };
  for (const key of usable) {
    if (!fits(key, token.alg)) continue;
    try {
      await flattenedVerify(jws, key.key, { algorithms: [token.alg] });
      return 'ok';
    } catch {
      // The next key may have made it.
    }
  }
  return 'verification';
}

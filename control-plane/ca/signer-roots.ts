import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { splitCertificates } from '../../common/identity/pem.js';
import type { Clock, Timer } from '../../common/runtime/clock.js';
import { messageOf, WeftError } from '../../common/runtime/errors.js';
import type { Logger } from '../../common/runtime/log.js';

/** A mounted Secret changes within a minute. */
const LOOK_MS = 10_000;

/** The roots of an external signer, in a file that is looked at again; one that cannot be used leaves those before in force. */
export class SignerRoots {
  private pem: string;
  private timer: Timer | undefined;

  /** Throws a WeftError when the file cannot be used now. */
  constructor(
    private readonly path: string,
    private readonly clock: Clock,
    private readonly log: Logger,
  ) {
    this.pem = readRoots(path);
  }

  get roots(): string {
    return this.pem;
  }

  watch(onChange: () => void): void {
    this.timer = this.clock.after(LOOK_MS, () => {
      this.look(onChange);
      this.watch(onChange);
    });
  }

  stop(): void {
    this.timer?.cancel();
  }

  private look(onChange: () => void): void {
    try {
      const pem = readRoots(this.path);
      if (pem === this.pem) return;
      this.pem = pem;
      this.log.info({ path: this.path }, 'the roots of the external signer have changed');
      onChange();
    } catch (error) {
      this.log.warn({ reason: messageOf(error) }, 'the roots of the external signer stay as they are');
    }
  }
}

function readRoots(path: string): string {
  try {
    const roots = splitCertificates(readFileSync(path, 'utf8'));
    if (roots.length === 0) throw new Error('there is no PEM certificate in it');
    if (!roots.every((pem) => new X509Certificate(pem).ca)) throw new Error('not every certificate is an authority');
    return roots.join('');
  } catch (error) {
    throw new WeftError(`the roots of the external signer, ${path}, cannot be used: ${messageOf(error)}`, {
      source: 'ca',
      retryable: false,
    });
  }
}

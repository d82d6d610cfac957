import { FLAG } from '../http/flags.js';

/**
 * A message that breaks HTTP/1 or a limit. `status` is what a client gets for it, `details` is
 * `%RESPONSE_CODE_DETAILS%` in Envoy's words.
 */
export class Http1Error extends Error {
  readonly status: number;
  readonly details: string;
  readonly flags: number = FLAG.DPE;

  constructor(status: number, details: string) {
    super(details);
    this.name = 'Http1Error';
    this.status = status;
    this.details = details;
  }
}

export const badMessage = (): Http1Error => new Http1Error(400, 'http1.codec_error');
export const invalidCharacters = (): Http1Error => new Http1Error(400, 'http1.invalid_characters');
/** A version that is not spoken here; Envoy asks for a newer one whatever it was. */
export const lowVersion = (): Http1Error => new Http1Error(426, 'low_version');
export const headTooLarge = (): Http1Error => new Http1Error(431, 'http1.headers_too_large');
export const tooManyHeaders = (): Http1Error => new Http1Error(431, 'http1.too_many_headers');

import type { RequestHead } from '../http/message.js';
import { type Framing, listContains } from './fields.js';

/**
 * The lower-case type of an upgrade that may happen, else empty; only then do its fields stay in the request. An
 * upgrade may be ignored (RFC 9110 section 7.8): one with a body, and h2c, are served as ordinary requests.
 */
export function upgradeType(request: RequestHead, framing: Framing): string {
  if (framing.upgrade === '' || request.version !== 'HTTP/1.1' || !framing.hasOption('upgrade')) return '';
  const type = framing.upgrade.toLowerCase();
  if (listContains(type, 'h2c')) {
    request.headers.delete('http2-settings');
    return '';
  }
  if (framing.chunked || framing.contentLength > 0) return '';
  request.headers.appendKnown('connection', 'connection', 'Upgrade');
  request.headers.appendKnown('upgrade', 'upgrade', framing.upgrade);
  return type;
}

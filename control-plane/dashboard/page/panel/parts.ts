import type { EdgeSecurity, Golden } from '../../../../common/observe/graph.js';
import { type Child, h } from '../dom.js';
import { icon } from '../icons.js';
import { bytesPerSecond, identityName, millis, percent, perSecond, short } from '../model/format.js';
import { healthOf } from '../model/signals.js';

/** A part of the panel that can be folded; it stays as somebody left it, by its name. */
export function section(
  title: string,
  children: readonly Child[],
  options: { open?: boolean; count?: number } = {},
): HTMLElement {
  const key = `weft-section-${title}`;
  const remembered = sessionStorage.getItem(key);
  const open = remembered === null ? options.open !== false : remembered === 'open';
  const details = h(
    'details',
    { class: 'section', open },
    h('summary', {}, title, options.count !== undefined && h('span', { class: 'count' }, options.count)),
    ...children,
  );
  details.addEventListener('toggle', () => sessionStorage.setItem(key, details.open ? 'open' : 'closed'));
  return details;
}

/** The golden signals as big numbers. `connections`: how many are open to a node, where its proxies tell. */
export function tiles(golden: Golden, protocol: 'http' | 'grpc' | 'tcp', connections?: number): HTMLElement {
  const tile = (label: string, value: string, tone = ''): HTMLElement =>
    h('div', { class: `tile ${tone}` }, h('b', {}, value), h('span', {}, label));
  if (protocol === 'tcp') {
    return h(
      'div',
      { class: 'tiles' },
      tile('received', bytesPerSecond(golden.receivedBytesPerSecond)),
      tile('sent', bytesPerSecond(golden.sentBytesPerSecond)),
      tile('connections open', short(connections ?? golden.connectionsOpen)),
      tile('opened', short(golden.connectionsOpened)),
    );
  }
  const health = healthOf(golden);
  return h(
    'div',
    { class: connections === undefined ? 'tiles' : 'tiles five' },
    tile('requests', perSecond(golden.requestsPerSecond)),
    tile('success', golden.requests === 0 ? '–' : percent(1 - golden.errorShare), health),
    tile('p50', millis(golden.p50Ms)),
    tile('p99', millis(golden.p99Ms)),
    connections !== undefined && tile('connections open', short(connections)),
  );
}

export function securityLine(security: EdgeSecurity): HTMLElement {
  const { kind, sourceIdentity, destinationIdentity } = security;
  if (kind === 'unknown') return h('p', { class: 'muted' }, 'Nobody has told how this hop is protected.');
  const both = sourceIdentity !== '' || destinationIdentity !== '';
  return h(
    'div',
    { class: `security ${kind}` },
    icon(kind === 'mtls' ? 'lock' : 'unlocked'),
    h(
      'div',
      {},
      h('b', {}, { mtls: 'Mutual TLS', plaintext: 'Plain text', mixed: 'Partly mutual TLS' }[kind]),
      both &&
        h(
          'p',
          { class: 'identities' },
          h('code', { title: sourceIdentity }, identityName(sourceIdentity) || 'nobody'),
          ' → ',
          h('code', { title: destinationIdentity }, identityName(destinationIdentity) || 'nobody'),
        ),
      kind === 'plaintext' &&
        h('p', { class: 'muted' }, 'Anybody on the network can read and change it, and nobody proves who he is.'),
    ),
  );
}

export function table(
  heads: readonly string[],
  rows: readonly (readonly Child[])[],
  options: { class?: string; empty?: string } = {},
): HTMLElement {
  if (rows.length === 0) return h('p', { class: 'muted' }, options.empty ?? 'None.');
  return h(
    'div',
    { class: 'scroll' },
    h(
      'table',
      { class: options.class ?? '' },
      h('thead', {}, h('tr', {}, ...heads.map((head) => h('th', { scope: 'col' }, head)))),
      h('tbody', {}, ...rows.map((row) => h('tr', {}, ...row.map((cell) => h('td', {}, cell))))),
    ),
  );
}

export function pill(text: string, tone: string, title?: string): HTMLElement {
  return h('span', { class: `pill ${tone}`, title }, text);
}

export function facts(list: readonly (readonly [string, Child] | undefined)[]): HTMLElement {
  return h(
    'dl',
    { class: 'facts' },
    ...list.flatMap((fact) => (fact === undefined ? [] : [h('dt', {}, fact[0]), h('dd', {}, fact[1])])),
  );
}

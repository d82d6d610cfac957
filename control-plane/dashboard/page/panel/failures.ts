import type { Failures } from '../../../../common/observe/failure.js';
import { explainFlags, impliedFlags } from '../../../../common/observe/response-flags.js';
import { h } from '../dom.js';
import { clockTime, millis } from '../model/format.js';
import { pill } from './parts.js';

type Told = Failures['failures'][number];

/** The last failed requests; those with the same cause stand together, with the cause told once. */
export function failureList(failures: readonly Told[]): HTMLElement {
  if (failures.length === 0) return h('p', { class: 'muted' }, 'No request has failed lately.');
  const groups = new Map<string, Told[]>();
  for (const failure of failures) {
    const key = `${failure.status} ${impliedFlags(failure.flags, failure.details)}`;
    groups.set(key, [...(groups.get(key) ?? []), failure]);
  }
  return h('div', { class: 'failures' }, ...[...groups.values()].map(group));
}

function group(failures: readonly Told[]): HTMLElement {
  const [first] = failures;
  if (first === undefined) return h('div');
  const flags = impliedFlags(first.flags, first.details);
  const meanings = explainFlags(flags);
  const status = first.protocol === 'tcp' ? 'TCP' : first.status === 0 ? 'no answer' : String(first.status);
  return h(
    'article',
    { class: 'failure' },
    h(
      'h4',
      {},
      pill(status, 'failing'),
      flags !== '-' && flags !== '' && pill(flags, 'flag'),
      h('span', {}, meanings[0]?.title ?? (first.status >= 500 ? 'The server answered with an error' : first.details)),
      h('span', { class: 'count' }, `${failures.length} ×`),
    ),
    ...meanings.map(({ flag, cause, title }, index) =>
      h('p', { class: 'cause' }, index > 0 && h('b', {}, `${flag}: ${title}. `), cause),
    ),
    meanings.length === 0 &&
      first.status >= 500 &&
      h('p', { class: 'cause' }, 'The proxies passed it on as it came: the application’s own log says why.'),
    h('ul', {}, ...failures.slice(0, 6).map(request)),
  );
}

function request(failure: Told): HTMLElement {
  const { source, destination, method, authority, path } = failure;
  const what = failure.protocol === 'tcp' ? failure.upstream : `${method} ${authority}${path}`;
  return h(
    'li',
    {},
    h('time', {}, clockTime(failure.time)),
    h('code', {}, what),
    h(
      'span',
      { class: 'muted' },
      ` ${source.workload} → ${destination.workload}, ${millis(failure.durationMs)}`,
      failure.details !== '' && failure.details !== 'via_upstream' && `, ${failure.details}`,
      failure.upstream !== '' && failure.protocol !== 'tcp' && `, host ${failure.upstream}`,
    ),
  );
}

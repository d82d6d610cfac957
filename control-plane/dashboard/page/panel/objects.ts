import type { AppliedObject, Description } from '../../../../common/observe/describe.js';
import type { ObjectName, ObjectText } from '../../../../common/observe/object-text.js';
import { getJson } from '../api.js';
import { action, byId, fill, h } from '../dom.js';
import { icon } from '../icons.js';
import { plural } from '../model/format.js';
import { pill } from './parts.js';

/** The configuration that acts on something, with what `analyze` says about it; each object opens its YAML. */
export function appliedList(descriptions: readonly Description[]): HTMLElement {
  const objects = new Map(descriptions.flatMap((one) => one.objects.map((object) => [titleOf(object), object])));
  const findings = descriptions.flatMap((one) => one.findings);
  if (objects.size === 0) {
    return h('p', { class: 'muted' }, 'No route, rule or policy: everything is as it is by default.');
  }
  const count = (object: AppliedObject, level: string): number =>
    new Set(findings.filter((one) => one.object === titleOf(object) && one.level === level).map((one) => one.message))
      .size;
  return h(
    'ul',
    { class: 'objects' },
    ...[...objects.values()].map((object) => entry(object, count(object, 'error'), count(object, 'warning'))),
  );
}

function titleOf({ kind, namespace, name }: ObjectName): string {
  return `${kind} ${namespace}/${name}`;
}

function entry(object: AppliedObject, errors: number, warnings: number): HTMLElement {
  return h(
    'li',
    {},
    objectLink(object),
    errors > 0 && pill(plural(errors, 'error'), 'failing'),
    warnings > 0 && pill(plural(warnings, 'warning'), 'degraded'),
    h('div', { class: 'muted' }, object.why),
    ...object.effects.slice(0, 6).map((effect) => h('div', { class: 'effect' }, effect)),
  );
}

export function objectLink(object: ObjectName): HTMLButtonElement {
  const { kind, namespace, name } = object;
  return action([h('span', { class: 'kind' }, kind), ` ${namespace}/${name}`], () => void openObject(object));
}

/** Shows an object's YAML, with what `analyze` says on the lines that it is about. */
export async function openObject(object: ObjectName): Promise<void> {
  const dialog = byId('dialog', HTMLDialogElement);
  const { kind, namespace, name } = object;
  const head = (place?: string): HTMLElement =>
    h(
      'header',
      {},
      h('h2', { id: 'dialog-title' }, `${kind} ${namespace}/${name}`),
      place !== undefined && h('code', { class: 'muted' }, place),
      h(
        'button',
        { type: 'button', class: 'tool', 'aria-label': 'Close', on: { click: () => dialog.close() } },
        icon('close'),
      ),
    );
  fill(dialog, head(), h('p', { class: 'muted' }, 'Loading …'));
  if (!dialog.open) dialog.showModal();
  try {
    const text = await getJson<ObjectText>('object', { kind, namespace, name });
    fill(dialog, head(text.place), yaml(text));
  } catch (error) {
    fill(dialog, head(), h('p', { class: 'alarm' }, error instanceof Error ? error.message : String(error)));
  }
}

function yaml({ yaml: text, findings }: ObjectText): HTMLElement {
  const about = findings.filter(({ line }) => line === undefined);
  return h(
    'div',
    { class: 'yaml' },
    ...about.map(finding),
    h(
      'ol',
      { class: 'code' },
      ...text
        .trimEnd()
        .split('\n')
        .map((line, index) => {
          const here = findings.filter(({ line: at }) => at === index + 1);
          return h(
            'li',
            { class: here.length > 0 ? `marked ${here[0]?.level ?? ''}` : '' },
            colored(line),
            ...here.map(finding),
          );
        }),
    ),
  );
}

function finding({ level, code, message }: ObjectText['findings'][number]): HTMLElement {
  const tone = level === 'error' ? 'failing' : level === 'warning' ? 'degraded' : 'idle';
  return h('p', { class: `finding ${level}` }, pill(code, tone), ` ${message}`);
}

/** Keys, comments and texts in colours of their own. */
function colored(line: string): HTMLElement {
  const match = /^(\s*(?:- )*)([^\s#'":][^:]*)(:)(\s.*|)$/.exec(line);
  if (match === null) return h('code', {}, line);
  const [, indent = '', key = '', colon = '', rest = ''] = match;
  return h('code', {}, indent, h('span', { class: 'key' }, key), colon, h('span', { class: 'value' }, rest));
}

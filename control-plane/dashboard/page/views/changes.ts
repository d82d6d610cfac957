import type { ChangedObject, Changes, ConfigVersion } from '../../../../common/observe/changes.js';
import { ApiError, getJson } from '../api.js';
import { fill, h } from '../dom.js';
import { clockTime, percent, plural, span } from '../model/format.js';
import { objectLink } from '../panel/objects.js';
import { pill } from '../panel/parts.js';
import type { Moment } from '../panel/plots.js';

const REFRESH_MS = 4000;

/** Every version of the configuration, newest first; it also tells the plots when something was changed. */
export class ChangesView {
  private changes: Changes | undefined;
  private problem = '';
  private unknown = false;
  private loadedAt = Number.NEGATIVE_INFINITY;
  private readonly open = new Set<string>();

  constructor(private readonly element: HTMLElement) {}

  get moments(): readonly Moment[] {
    return (this.changes?.versions ?? [])
      .filter(({ objects }) => objects.length > 0)
      .map(({ time, objects }) => ({
        time,
        title: objects.map(({ kind, name }) => `${kind} ${name}`).join(', '),
      }));
  }

  /** Never rejects. */
  async refresh(): Promise<void> {
    if (this.unknown || performance.now() - this.loadedAt < REFRESH_MS) return;
    this.loadedAt = performance.now();
    try {
      this.changes = await getJson<Changes>('changes');
      this.problem = '';
    } catch (error) {
      this.unknown = error instanceof ApiError && error.status === 404;
      this.problem = this.unknown
        ? 'This control plane keeps no history of its configuration.'
        : (error as Error).message;
    }
    if (!this.element.hidden) this.draw();
  }

  draw(): void {
    fill(
      this.element,
      h('h2', {}, 'Changes of the configuration'),
      this.problem !== '' && h('p', { class: 'muted' }, this.problem),
      ...(this.changes?.notes ?? []).map((note) => h('p', { class: 'muted' }, note)),
      this.changes?.versions.length === 0 &&
        h('p', { class: 'muted' }, 'Nothing has changed since the control plane started.'),
      h('ol', { class: 'timeline' }, ...(this.changes?.versions ?? []).map((version) => this.entry(version))),
    );
  }

  private entry(version: ConfigVersion): HTMLElement {
    const { time, objects, proxies, acknowledged, refused } = version;
    const details = h(
      'details',
      { open: this.open.has(version.version) },
      h(
        'summary',
        {},
        h('time', { datetime: new Date(time).toISOString() }, clockTime(time)),
        h('span', { class: 'muted' }, `${span(Date.now() - time)} ago`),
        h(
          'span',
          { class: 'what' },
          objects
            .slice(0, 3)
            .map(({ kind, name }) => `${kind} ${name}`)
            .join(', '),
          objects.length === 0 && 'as it was found',
          objects.length > 3 && ` and ${objects.length - 3} more`,
        ),
        progress(acknowledged, proxies),
        refused > 0 && pill(`${plural(refused, 'proxy', 'proxies')} refuse it`, 'failing'),
        h('code', { class: 'muted' }, version.version.slice(0, 12)),
      ),
      ...objects.map(changed),
    );
    details.addEventListener('toggle', () => {
      if (details.open) this.open.add(version.version);
      else this.open.delete(version.version);
    });
    return h('li', {}, details);
  }
}

function progress(acknowledged: number, proxies: number): HTMLElement {
  const share = proxies === 0 ? 1 : acknowledged / proxies;
  return h(
    'span',
    {
      class: 'progress',
      title: `${acknowledged} of ${plural(proxies, 'proxy', 'proxies')} have it (${percent(share)})`,
    },
    h('meter', { min: 0, max: 1, value: share.toFixed(3) }),
    `${acknowledged}/${proxies}`,
  );
}

function changed(object: ChangedObject): HTMLElement {
  const tone = { added: 'good', modified: 'accent', removed: 'failing' }[object.change];
  return h(
    'article',
    { class: 'changed' },
    h('h4', {}, pill(object.change, tone), objectLink(object)),
    h(
      'pre',
      { class: 'diff' },
      ...object.diff
        .trimEnd()
        .split('\n')
        .map((line) =>
          h('span', { class: line.startsWith('+') ? 'plus' : line.startsWith('-') ? 'minus' : 'same' }, `${line}\n`),
        ),
    ),
  );
}

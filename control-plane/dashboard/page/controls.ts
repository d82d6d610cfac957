import type { Graph } from '../../../common/observe/graph.js';
import { fill, h } from './dom.js';
import { type IconName, icon } from './icons.js';
import { clockTime, span } from './model/format.js';
import type { State, Store, ViewName } from './state.js';

const VIEWS: readonly (readonly [ViewName, string])[] = [
  ['graph', 'Graph'],
  ['list', 'List'],
  ['changes', 'Changes'],
  ['explain', 'Explain'],
];
const WINDOWS: readonly (readonly [number, string])[] = [
  [15, 'last 15 s'],
  [60, 'last minute'],
  [300, 'last 5 min'],
  [900, 'last 15 min'],
  [3600, 'last hour'],
];

export function tool(name: IconName, title: string, run: () => void): HTMLButtonElement {
  return h('button', { type: 'button', class: 'tool', title, 'aria-label': title, on: { click: run } }, icon(name));
}

/** Tabs at the top. */
export function viewTabs(element: HTMLElement, store: Store): void {
  const draw = (): void =>
    fill(
      element,
      ...VIEWS.map(([name, label]) =>
        h(
          'button',
          {
            type: 'button',
            'aria-current': store.state.view === name ? 'page' : undefined,
            on: { click: () => store.change({ view: name, selected: undefined }) },
          },
          label,
        ),
      ),
    );
  store.onChange((state, before) => {
    if (state.view !== before.view) draw();
  });
  draw();
}

/** Light, dark, or what the system says; remembered by the browser. */
export function themeSwitch(changed: () => void): HTMLButtonElement {
  const system = matchMedia('(prefers-color-scheme: dark)');
  const isDark = (): boolean => {
    const { theme } = document.documentElement.dataset;
    return theme === undefined ? system.matches : theme === 'dark';
  };
  const button = tool('moon', 'Light or dark', () => {
    const next = isDark() ? 'light' : 'dark';
    document.documentElement.dataset['theme'] = next;
    localStorage.setItem('weft-theme', next);
    update();
  });
  const update = (): void => {
    button.replaceChildren(icon(isDark() ? 'sun' : 'moon'));
    changed();
  };
  system.addEventListener('change', update);
  button.replaceChildren(icon(isDark() ? 'sun' : 'moon'));
  return button;
}

/** Search, filters and the window of time. */
export class Controls {
  private readonly search = h('input', {
    type: 'search',
    placeholder: 'Search  /',
    'aria-label': 'Search workloads, services and namespaces',
    autocomplete: 'off',
    spellcheck: 'false',
    on: { input: () => this.store.change({ search: this.search.value }) },
  });
  private readonly namespaces = h('div', { class: 'menu-list' });
  private readonly namespaceLabel = h('span', {}, 'All namespaces');
  private readonly idle = h('input', {
    type: 'checkbox',
    on: { change: () => this.store.change({ hideIdle: this.idle.checked }) },
  });
  private readonly time = h('input', {
    type: 'range',
    min: 0,
    max: 0,
    step: 1000,
    'aria-label': 'End of the window',
    on: { input: () => this.moveTo(Number(this.time.value)) },
  });
  private readonly when = h('span', { class: 'when' });
  private readonly live = h('button', { type: 'button', class: 'live', on: { click: () => this.toggleLive() } });
  private readonly window = choice('Window of time', WINDOWS, (value) => this.store.change({ window: Number(value) }));
  private readonly detail = choice(
    'What the nodes are',
    [
      ['versions', 'services and versions'],
      ['workloads', 'workloads'],
      ['apps', 'applications'],
    ],
    (value) => this.store.change({ detail: value as State['detail'] }),
  );
  private readonly grouping = choice(
    'Groups',
    [
      ['auto', 'grouped as fits'],
      ['namespace', 'by namespace'],
      ['app', 'by application'],
      ['none', 'not grouped'],
    ],
    (value) => this.store.change({ grouping: value as State['grouping'] }),
  );
  private names = '';
  private newest = 0;

  constructor(
    element: HTMLElement,
    private readonly store: Store,
  ) {
    const menu = h(
      'details',
      { class: 'menu' },
      h('summary', {}, icon('filter'), this.namespaceLabel),
      this.namespaces,
    );
    addEventListener('pointerdown', (event) => {
      if (event.target instanceof Node && !menu.contains(event.target)) menu.open = false;
    });
    fill(
      element,
      h('span', { class: 'search' }, icon('search'), this.search),
      menu,
      this.detail,
      this.grouping,
      h('label', { class: 'check' }, this.idle, 'hide idle'),
      h('span', { class: 'time' }, this.window, this.time, this.when, this.live),
    );
    store.onChange(() => this.update());
    this.update();
  }

  focusSearch(): void {
    this.search.focus();
    this.search.select();
  }

  /** What can be chosen follows the answer. */
  show(graph: Graph): void {
    this.newest = this.store.state.at === undefined ? graph.time : Math.max(this.newest, graph.time);
    this.time.min = String(Math.min(graph.oldest, this.newest));
    this.time.max = String(this.newest);
    const names = [
      ...new Set(graph.nodes.flatMap((node) => ('namespace' in node && node.namespace !== '' ? [node.namespace] : []))),
    ].sort();
    if (names.join() !== this.names) {
      this.names = names.join();
      this.drawNamespaces(names);
    }
    this.update();
  }

  private update(): void {
    const { state } = this.store;
    if (document.activeElement !== this.search) this.search.value = state.search;
    this.idle.checked = state.hideIdle;
    this.time.value = String(state.at ?? this.newest);
    const back = this.newest - (state.at ?? this.newest);
    this.when.textContent = state.at === undefined ? '' : `${clockTime(state.at)}, ${span(back)} ago`;
    this.live.textContent = state.at === undefined ? 'live' : 'go live';
    this.live.setAttribute('aria-pressed', String(state.at === undefined));
    this.live.title = state.at === undefined ? 'Freeze this moment' : 'Follow what happens now';
    this.namespaceLabel.textContent =
      state.namespaces.length === 0
        ? 'All namespaces'
        : state.namespaces.length === 1
          ? (state.namespaces[0] ?? '')
          : `${state.namespaces.length} namespaces`;
    for (const box of this.namespaces.querySelectorAll('input')) box.checked = state.namespaces.includes(box.value);
    this.window.value = String(state.window);
    this.detail.value = state.detail;
    this.grouping.value = state.grouping;
  }

  private moveTo(at: number): void {
    this.store.change({ at: at >= this.newest - 1000 ? undefined : at });
  }

  private toggleLive(): void {
    this.store.change({ at: this.store.state.at === undefined && this.newest > 0 ? this.newest : undefined });
  }

  private drawNamespaces(names: readonly string[]): void {
    const toggle = (name: string, on: boolean): void => {
      const others = this.store.state.namespaces.filter((other) => other !== name);
      this.store.change({ namespaces: on ? [...others, name] : others });
    };
    fill(
      this.namespaces,
      ...names.map((name) => {
        const box = h('input', { type: 'checkbox', value: name, on: { change: () => toggle(name, box.checked) } });
        return h('label', {}, box, name);
      }),
    );
  }
}

function choice(
  label: string,
  options: readonly (readonly [string | number, string])[],
  chosen: (value: string) => void,
): HTMLSelectElement {
  const select = h(
    'select',
    { 'aria-label': label, title: label, on: { change: () => chosen(select.value) } },
    ...options.map(([name, text]) => h('option', { value: String(name) }, text)),
  );
  return select;
}

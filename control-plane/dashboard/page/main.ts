import type { Graph } from '../../../common/observe/graph.js';
import type { MeshState } from '../../../common/observe/mesh-state.js';
import { getJson } from './api.js';
import { Controls, themeSwitch, tool, viewTabs } from './controls.js';
import { byId, fill, h } from './dom.js';
import { GraphCanvas } from './graph/canvas.js';
import { spoken } from './graph/labels.js';
import { showLegend } from './legend.js';
import { type Grouping, type ViewGraph, viewGraph } from './model/view-graph.js';
import { interventionNotices } from './panel/interventions.js';
import { Panel } from './panel/panel.js';
import { type State, Store } from './state.js';
import { showSummary } from './summary.js';
import { ChangesView } from './views/changes.js';
import { ExplainView } from './views/explain.js';
import { showList } from './views/list.js';

const LIVE_MS = 2000;
const TYPING_MS = 120;

/** The page: one store says what is looked at, one loop asks for it, everything else draws. */
class Page {
  private readonly store = new Store();
  private readonly graphView = byId('view-graph', HTMLDivElement);
  private readonly listView = byId('view-list', HTMLDivElement);
  private readonly changesElement = byId('view-changes', HTMLDivElement);
  private readonly notices = byId('notices', HTMLDivElement);
  private readonly spoken = h('p', { class: 'unseen', 'aria-live': 'polite' });
  private readonly stage = h('div', {
    id: 'stage',
    tabindex: 0,
    role: 'application',
    'aria-label':
      'Graph of the mesh. Arrow keys move from node to node, Enter opens one, Escape closes it. The list has the same.',
  });
  private readonly empty = h('div', { class: 'empty' });
  private readonly canvas: GraphCanvas;
  private readonly controls: Controls;
  private readonly panel: Panel;
  private readonly changes = new ChangesView(this.changesElement);
  private readonly explain = new ExplainView(byId('view-explain', HTMLDivElement));
  private graph: Graph | undefined;
  private view: ViewGraph = { nodes: [], edges: [], groups: [] };
  private focused: string | undefined;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private turn = 0;

  constructor() {
    const { store } = this;
    viewTabs(byId('views', HTMLElement), store);
    this.controls = new Controls(byId('controls', HTMLDivElement), store);
    fill(
      byId('tools', HTMLDivElement),
      themeSwitch(() => this.themeChanged()),
    );
    const legend = h('details', { class: 'legend' });
    const buttons = h('div', { class: 'zoom' });
    this.graphView.hidden = false;
    this.graphView.append(this.stage, this.empty, this.spoken, buttons, legend);
    this.canvas = new GraphCanvas(this.stage, { opened: (id) => this.open(id) });
    fill(
      buttons,
      tool('plus', 'Closer (+)', () => this.canvas.zoomBy(1.3)),
      tool('minus', 'Farther (-)', () => this.canvas.zoomBy(1 / 1.3)),
      tool('fit', 'Everything (0)', () => this.canvas.fit()),
      tool('layout', 'Lay out anew (l)', () => this.canvas.layOut()),
    );
    showLegend(legend);
    this.panel = new Panel(byId('panel', HTMLElement), {
      close: () => this.open(undefined),
      open: (id) => this.open(id),
      window: () => ({
        window: `${store.state.window}s`,
        at: store.state.at === undefined ? undefined : String(store.state.at),
      }),
      moments: () => this.changes.moments,
    });
    new ResizeObserver(() => this.canvas.resized()).observe(this.stage);
    store.onChange((state, before) => this.changed(state, before));
    addEventListener('keydown', (event) => this.key(event));
    document.addEventListener('visibilitychange', () => {
      if (!document.hidden) this.soon(0);
    });
    this.showView();
    this.soon(0);
  }

  private changed(state: State, before: State): void {
    if (state.view !== before.view) this.showView();
    if (state.window !== before.window || state.at !== before.at) this.soon(TYPING_MS);
    this.draw();
  }

  private soon(ms: number): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => void this.refresh(), ms);
  }

  /** Never rejects. An answer that has been overtaken is dropped. */
  private async refresh(): Promise<void> {
    const turn = ++this.turn;
    const { window, at } = this.store.state;
    void this.changes.refresh();
    try {
      const [graph, state] = await Promise.all([
        getJson<Graph>('graph', { window: `${window}s`, at: at === undefined ? undefined : String(at) }),
        // A control plane of an earlier release has none.
        getJson<MeshState>('state').catch(() => undefined),
      ]);
      if (turn !== this.turn) return;
      this.graph = graph;
      fill(this.notices, ...interventionNotices(state), ...graph.notes.map((note) => h('p', {}, note)));
      document.body.classList.remove('stale');
    } catch (error) {
      if (turn !== this.turn) return;
      document.body.classList.add('stale');
      fill(this.notices, h('p', { class: 'alarm' }, `${(error as Error).message}. What is shown is the last answer.`));
    }
    const from = performance.now();
    this.draw();
    document.body.dataset['loaded'] = 'true';
    // A slow machine gets a slower picture, not a page that does nothing but draw.
    if (at === undefined && !document.hidden) this.soon(Math.max(LIVE_MS, (performance.now() - from) * 4));
  }

  private draw(): void {
    const { graph, store } = this;
    if (graph === undefined) return;
    const { state } = store;
    const grouping = groupingOf(state, graph);
    this.view = viewGraph(graph, { ...state, grouping, namespaces: new Set(state.namespaces) });
    this.controls.show(graph);
    showSummary(byId('summary', HTMLDivElement), graph);
    this.explain.show(graph);
    if (state.view === 'list') showList(this.listView, this.view, graph, (id) => this.open(id));
    if (state.view === 'graph') {
      this.canvas.show(this.view, `${state.detail} ${grouping}`);
      this.showEmpty();
    }
    const inPanel = state.selected !== undefined && (state.view === 'graph' || state.view === 'list');
    const wasOpen = this.panel.isOpen;
    if (inPanel && state.selected !== undefined) this.panel.show(state.selected, this.view, graph);
    else if (wasOpen) this.panel.hide();
    document.body.classList.toggle('panel-open', inPanel);
    this.canvas.select(inPanel ? state.selected : undefined);
  }

  private showEmpty(): void {
    const { nodes } = this.view;
    this.empty.hidden = nodes.length > 0;
    if (nodes.length > 0) return;
    const { search, namespaces } = this.store.state;
    const filtered = search !== '' || namespaces.length > 0;
    fill(
      this.empty,
      h('p', {}, filtered ? 'Nothing here is called that.' : 'No traffic in this time.'),
      h(
        'p',
        { class: 'muted' },
        filtered ? 'Clear the search or the filter.' : 'Send some through the mesh, or take “hide idle” off.',
      ),
    );
  }

  private showView(): void {
    const { view } = this.store.state;
    for (const name of ['graph', 'list', 'changes', 'explain'] as const) {
      byId(`view-${name}`, HTMLDivElement).hidden = name !== view;
    }
    document.body.dataset['view'] = view;
    if (view === 'changes') this.changes.draw();
    if (view === 'graph') this.canvas.resized();
  }

  private open(id: string | undefined): void {
    this.store.change({ selected: id });
    if (id !== undefined) this.focused = this.view.nodes.some((node) => node.id === id) ? id : this.focused;
  }

  private themeChanged(): void {
    this.canvas.themeChanged();
    this.panel.themeChanged();
  }

  private key(event: KeyboardEvent): void {
    const { target, key } = event;
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (byId('dialog', HTMLDialogElement).open) return;
    if (key === 'Escape') {
      if (target instanceof HTMLInputElement) target.blur();
      this.open(undefined);
      return;
    }
    if (takesText(target)) return;
    if (key === '/') {
      event.preventDefault();
      this.controls.focusSearch();
    } else if (target instanceof HTMLSelectElement) return;
    else if (this.store.state.view === 'graph') this.graphKey(event);
  }

  private graphKey(event: KeyboardEvent): void {
    const directions = { ArrowLeft: 'left', ArrowRight: 'right', ArrowUp: 'up', ArrowDown: 'down' } as const;
    const { key } = event;
    if (key === '+' || key === '=') this.canvas.zoomBy(1.3);
    else if (key === '-') this.canvas.zoomBy(1 / 1.3);
    else if (key === '0') this.canvas.fit();
    else if (key === 'l') this.canvas.layOut();
    else if (event.target !== this.stage) return;
    else if (key === 'Enter' && this.focused !== undefined) this.open(this.focused);
    else if (key in directions) {
      event.preventDefault();
      this.focusNode(this.canvas.neighbourOf(this.focused, directions[key as keyof typeof directions]));
    }
  }

  private focusNode(id: string | undefined): void {
    if (id === undefined) return;
    this.focused = id;
    this.canvas.focus(id);
    const node = this.view.nodes.find((candidate) => candidate.id === id);
    if (node !== undefined) this.spoken.textContent = spoken(node, this.view.edges);
  }

  get places(): Readonly<Record<string, { x: number; y: number }>> {
    return this.canvas.positions;
  }

  get drawn(): ViewGraph {
    return this.view;
  }
}

function groupingOf({ grouping }: State, graph: Graph): Grouping {
  if (grouping !== 'auto') return grouping;
  const namespaces = new Set(graph.nodes.flatMap((node) => (node.kind === 'workload' ? [node.namespace] : [])));
  return namespaces.size > 1 ? 'namespace' : 'app';
}

/** Not a box to tick or a slider: shortcuts go on after one of these was used. */
function takesText(target: EventTarget | null): boolean {
  if (target instanceof HTMLInputElement) return target.type !== 'checkbox' && target.type !== 'range';
  return target instanceof HTMLTextAreaElement;
}

declare global {
  interface Window {
    /** What is on the screen, for the browser's console and for tests. */
    weft: Page;
  }
}

window.weft = new Page();

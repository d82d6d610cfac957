import type { Detail, Grouping } from './model/view-graph.js';

export type ViewName = 'graph' | 'list' | 'changes' | 'explain';

/** What somebody looks at. It stands in the address, so that it can be bookmarked and sent to others. */
export interface State {
  readonly view: ViewName;
  readonly detail: Detail;
  /** `auto`: by namespace where there are several, otherwise by application. */
  readonly grouping: Grouping | 'auto';
  readonly hideIdle: boolean;
  readonly namespaces: readonly string[];
  readonly search: string;
  /** Length of the window, s. */
  readonly window: number;
  /** End of the window, ms since the epoch; undefined is live. */
  readonly at: number | undefined;
  /** Id of the node or edge that is opened. */
  readonly selected: string | undefined;
}

export const START: State = {
  view: 'graph',
  detail: 'versions',
  grouping: 'auto',
  hideIdle: true,
  namespaces: [],
  search: '',
  window: 60,
  at: undefined,
  selected: undefined,
};

const VIEWS: readonly ViewName[] = ['graph', 'list', 'changes', 'explain'];
const DETAILS: readonly Detail[] = ['versions', 'workloads', 'apps'];
const GROUPINGS: readonly State['grouping'][] = ['auto', 'namespace', 'app', 'none'];
const MAX_WINDOW = 7 * 86_400;

/** Reads the part of an address behind `#`; what makes no sense there is left out. */
export function parseState(hash: string): State {
  const query = new URLSearchParams(hash.replace(/^#/, ''));
  const window = Number(query.get('window'));
  const at = Number(query.get('at'));
  return {
    view: oneOf(VIEWS, query.get('view')) ?? START.view,
    detail: oneOf(DETAILS, query.get('detail')) ?? START.detail,
    grouping: oneOf(GROUPINGS, query.get('group')) ?? START.grouping,
    hideIdle: query.get('idle') !== 'show',
    namespaces: (query.get('ns') ?? '').split(',').filter((name) => name !== ''),
    search: query.get('q') ?? '',
    window: window >= 1 && window <= MAX_WINDOW ? Math.round(window) : START.window,
    at: at > 0 ? at : undefined,
    selected: query.get('open') ?? undefined,
  };
}

/** The opposite; what is as at the start is left out. */
export function formatState(state: State): string {
  const query = new URLSearchParams();
  if (state.view !== START.view) query.set('view', state.view);
  if (state.detail !== START.detail) query.set('detail', state.detail);
  if (state.grouping !== START.grouping) query.set('group', state.grouping);
  if (!state.hideIdle) query.set('idle', 'show');
  if (state.namespaces.length > 0) query.set('ns', state.namespaces.join(','));
  if (state.search !== '') query.set('q', state.search);
  if (state.window !== START.window) query.set('window', String(state.window));
  if (state.at !== undefined) query.set('at', String(state.at));
  if (state.selected !== undefined) query.set('open', state.selected);
  const text = query.toString();
  return text === '' ? '' : `#${text}`;
}

function oneOf<T extends string>(known: readonly T[], text: string | null): T | undefined {
  return known.find((value) => value === text);
}

/** The state, and who wants to know when it changes. */
export class Store {
  private readonly listeners: ((state: State, before: State) => void)[] = [];
  private current: State;

  constructor() {
    this.current = parseState(location.hash);
    addEventListener('hashchange', () => this.replace(parseState(location.hash)));
  }

  get state(): State {
    return this.current;
  }

  onChange(listener: (state: State, before: State) => void): void {
    this.listeners.push(listener);
  }

  /** Another view or selection can be left with the browser's "back"; typing in a filter cannot. */
  change(part: Partial<State>): void {
    const next = { ...this.current, ...part };
    const address = `${location.pathname}${location.search}${formatState(next)}`;
    const step = next.view !== this.current.view || next.selected !== this.current.selected;
    if (step) history.pushState(null, '', address);
    else history.replaceState(null, '', address);
    this.replace(next);
  }

  private replace(next: State): void {
    const before = this.current;
    this.current = next;
    for (const listener of this.listeners) listener(next, before);
  }
}

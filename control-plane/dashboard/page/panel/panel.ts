import type { Description } from '../../../../common/observe/describe.js';
import type { Failures } from '../../../../common/observe/failure.js';
import type { Graph, GraphEdge, GraphNode } from '../../../../common/observe/graph.js';
import type { Series } from '../../../../common/observe/series.js';
import type { WorkloadDetails, WorkloadState, Workloads } from '../../../../common/observe/workload.js';
import { ApiError, getJson } from '../api.js';
import { fill, h } from '../dom.js';
import { icon } from '../icons.js';
import { mergeSeries } from '../model/series.js';
import type { ViewEdge } from '../model/view-edges.js';
import type { ViewGraph, ViewNode } from '../model/view-graph.js';
import { edgeHead, edgeParts } from './edge.js';
import { failureList } from './failures.js';
import { nodeHead, nodeParts } from './node.js';
import { appliedList } from './objects.js';
import { section } from './parts.js';
import { type Moment, Plots } from './plots.js';

/** What is asked about, in the words of the API. */
export interface Subject {
  readonly key: 'node' | 'edge';
  /** What is opened may stand for several. */
  readonly ids: readonly string[];
  /** Services whose failures are told as well. */
  readonly services?: readonly string[];
}

export interface PanelHost {
  readonly close: () => void;
  readonly open: (id: string) => void;
  /** Part of every question: which time it is about. */
  readonly window: () => { readonly window: string; readonly at: string | undefined };
  readonly moments: () => readonly Moment[];
}

const MAX_MEMBERS = 6;
/** Plots show more than the numbers beside them, s. */
const MIN_PLOT_WINDOW = 600;
/** How often what the graph does not say is asked for anew, ms. */
const ASK_MS = 4000;

/** The side of the page that tells all about one node or edge. */
export class Panel {
  private id: string | undefined;
  private readonly plots = new Plots();
  private readonly head = h('div', { class: 'panel-head' });
  private readonly body = h('div', { class: 'panel-body' });
  private readonly failures = h('div');
  private readonly acting = h('div');
  private readonly more = h('div');
  private turn = 0;
  private asked = 0;

  constructor(
    private readonly element: HTMLElement,
    private readonly host: PanelHost,
  ) {
    const close = h(
      'button',
      {
        type: 'button',
        class: 'tool close',
        'aria-label': 'Close details',
        title: 'Close (Esc)',
        on: { click: () => host.close() },
      },
      icon('close'),
    );
    fill(element, close, this.head, this.body);
  }

  get isOpen(): boolean {
    return this.id !== undefined;
  }

  /** Shows `id` of the view, with the numbers of `graph`; what has to be asked for follows. */
  show(id: string, view: ViewGraph, graph: Graph): void {
    const node = view.nodes.find((candidate) => candidate.id === id || candidate.standsFor.includes(id));
    const edge = view.edges.find((candidate) => candidate.id === id);
    const anew = this.id !== id;
    this.id = id;
    this.element.hidden = false;
    if (anew) {
      fill(this.failures, waiting());
      fill(this.acting, waiting());
      fill(this.more);
      this.element.scrollTop = 0;
    }
    keepingFocus(this.element, () => {
      if (node !== undefined) this.showNode(node, view, graph, anew);
      else if (edge !== undefined) this.showEdge(edge, view, anew);
      else this.showNothing(id);
    });
    if (anew) this.plots.draw();
  }

  hide(): void {
    this.id = undefined;
    this.turn++;
    this.element.hidden = true;
  }

  themeChanged(): void {
    this.plots.draw();
  }

  private showNode(node: ViewNode, view: ViewGraph, graph: Graph, anew: boolean): void {
    fill(this.head, ...nodeHead(node));
    const parts = nodeParts(node, view, graph, this.host.open);
    this.fillBody(parts);
    const tcp = node.golden.requests === 0 && node.golden.receivedBytesPerSecond > 0;
    const ids = node.members.filter(({ kind }) => node.kind !== 'app' || kind === 'workload').map(({ id }) => id);
    const called = new Set(ids);
    const callers = graph.edges.filter(({ destination, service }) => called.has(destination) || called.has(service));
    if (this.isDue(anew)) {
      const subject = { key: 'node', ids, services: node.standsFor } as const;
      void this.ask(subject, tcp ? 'tcp' : 'http', node.members, sourcesOf(callers));
    }
  }

  private showEdge(edge: ViewEdge, view: ViewGraph, anew: boolean): void {
    fill(this.head, ...edgeHead(edge, view, this.host.open));
    this.fillBody(edgeParts(edge));
    const ids = edge.members.map(({ id }) => id);
    const kind = edge.protocol === 'tcp' ? 'tcp' : 'http';
    if (this.isDue(anew)) void this.ask({ key: 'edge', ids }, kind, edge.members, sourcesOf(edge.members));
  }

  private isDue(anew: boolean): boolean {
    const now = performance.now();
    if (!anew && now - this.asked < ASK_MS) return false;
    this.asked = now;
    return true;
  }

  private showNothing(id: string): void {
    fill(this.head, h('h2', {}, id.replace(/^\w+\//, '')));
    fill(this.body, h('p', { class: 'muted' }, 'There was no traffic in this time, or a filter hides it.'));
  }

  private fillBody({
    first,
    last,
  }: {
    readonly first: readonly HTMLElement[];
    readonly last: readonly HTMLElement[];
  }): void {
    fill(
      this.body,
      ...first,
      this.plots.element,
      section('Failed requests', [this.failures]),
      section('Configuration that acts here', [this.acting]),
      ...last,
      this.more,
    );
  }

  /** Asks for all that the graph does not say. An answer that comes when something else is shown is dropped. */
  private async ask(
    subject: Subject,
    kind: 'http' | 'tcp',
    members: readonly (GraphNode | GraphEdge)[],
    callers: ReadonlySet<string>,
  ): Promise<void> {
    const turn = ++this.turn;
    const still = (): boolean => turn === this.turn;
    await Promise.all([
      this.askSeries(subject, kind, still),
      this.fillFrom(this.failures, still, async () => failureList(await this.failuresOf(subject))),
      this.fillFrom(this.acting, still, async () => appliedList(await this.describe(members))),
      this.fillFrom(this.more, still, () => this.moreOf(members, callers)),
    ]);
  }

  private async askSeries(subject: Subject, kind: 'http' | 'tcp', still: () => boolean): Promise<void> {
    const { window, at } = this.host.window();
    const length = Math.max(MIN_PLOT_WINDOW, Number.parseInt(window, 10));
    try {
      const series = await Promise.all(
        subject.ids
          .slice(0, MAX_MEMBERS)
          .map((id) => getJson<Series>('series', { [subject.key]: id, window: `${length}s`, at })),
      );
      if (still()) this.plots.show(mergeSeries(series), kind, this.host.moments());
    } catch {
      // The graph says that nobody answers.
    }
  }

  private async fillFrom(target: HTMLElement, still: () => boolean, make: () => Promise<HTMLElement>): Promise<void> {
    let content: HTMLElement;
    try {
      content = await make();
    } catch (error) {
      const unknown = error instanceof ApiError && error.status === 404;
      content = h('p', { class: 'muted' }, unknown ? 'This control plane does not tell.' : (error as Error).message);
    }
    if (still()) fill(target, content);
  }

  /** Also what was meant for a service and never reached a workload. */
  private async failuresOf({ key, ids, services = [] }: Subject): Promise<Failures['failures']> {
    const told = await this.join<Failures>('failures', { key, ids: [...new Set([...ids, ...services])] });
    const each = new Map(told.flatMap(({ failures }) => failures).map((failure) => [JSON.stringify(failure), failure]));
    return [...each.values()].sort((a, b) => b.time - a.time);
  }

  private join<T>(path: string, { key, ids }: Subject): Promise<readonly T[]> {
    const { window, at } = this.host.window();
    return Promise.all(ids.slice(0, MAX_MEMBERS).map((id) => getJson<T>(path, { [key]: id, window, at })));
  }

  /** On a line, what applies to the service that is called and to who answers for it. */
  private async describe(members: readonly (GraphNode | GraphEdge)[]): Promise<readonly Description[]> {
    const ids = new Set(members.flatMap((one) => ('destination' in one ? [one.service, one.destination] : [one.id])));
    const described = await Promise.all(
      [...ids]
        .filter((id) => id !== '')
        .slice(0, MAX_MEMBERS)
        .map((node) => getJson<Description>('describe', { node }).catch(withoutUnknown)),
    );
    return described.filter((one) => one !== undefined);
  }

  /** `callers`: nodes whose sidecars know how the endpoints are. */
  private async moreOf(
    members: readonly (GraphNode | GraphEdge)[],
    callers: ReadonlySet<string>,
  ): Promise<HTMLElement> {
    const { instanceParts } = await import('./instances.js');
    const { workloads } = await getJson<Workloads>('workloads');
    const ask = (all: readonly WorkloadState[]): Promise<readonly (WorkloadDetails | undefined)[]> =>
      Promise.all(all.slice(0, MAX_MEMBERS).map(detailsOf));
    const ids = new Set(members.flatMap((member) => ('destination' in member ? [member.destination] : [member.id])));
    const hosts = new Set(
      members.flatMap((member) => ('kind' in member && member.kind === 'service' ? [member.host] : [])),
    );
    const here = workloads.filter(({ node, services }) => ids.has(node) || services.some((host) => hosts.has(host)));
    const served = new Set(here.flatMap(({ services }) => services));
    const [details, clients] = await Promise.all([
      ask(here),
      ask(workloads.filter(({ node }) => callers.has(node) && !ids.has(node))),
    ]);
    return instanceParts(
      here,
      details.filter((one) => one !== undefined),
      clients
        .filter((one) => one !== undefined)
        .map((one) => ({ ...one, endpoints: one.endpoints.filter(({ cluster }) => served.has(hostOf(cluster))) })),
      workloads,
    );
  }
}

function sourcesOf(edges: readonly GraphEdge[]): ReadonlySet<string> {
  return new Set(edges.map(({ source }) => source));
}

function detailsOf({ namespace, name }: WorkloadState): Promise<WorkloadDetails | undefined> {
  const path = `workloads/${encodeURIComponent(namespace)}/${encodeURIComponent(name)}`;
  return getJson<WorkloadDetails>(path).catch(() => undefined);
}

/** `outbound|9080|v1|reviews.default.svc.cluster.local` */
function hostOf(cluster: string): string {
  return cluster.split('|')[3] ?? '';
}

function waiting(): HTMLElement {
  return h('p', { class: 'muted' }, '…');
}

/** What has been drawn anew has the focus where it was. */
function keepingFocus(element: HTMLElement, draw: () => void): void {
  const focusable = (): HTMLElement[] => [...element.querySelectorAll<HTMLElement>('button, summary, a')];
  const at = document.activeElement instanceof HTMLElement ? focusable().indexOf(document.activeElement) : -1;
  const scrolled = element.scrollTop;
  draw();
  if (at >= 0) focusable()[at]?.focus({ preventScroll: true });
  element.scrollTop = scrolled;
}

/** A host that nobody declared has no description. */
function withoutUnknown(error: unknown): undefined {
  if (error instanceof ApiError && error.status === 404) return undefined;
  throw error;
}

import type cytoscape from 'cytoscape';
import { type Point, place, type Size } from '../model/placement.js';
import type { ViewGraph, ViewNode } from '../model/view-graph.js';
import cytoscapeLibrary from '../vendor/cytoscape.js';
import { type Colors, currentColors } from './colors.js';
import { Flow, MAX_LINES } from './flow.js';
import { edgeTexts, nodeTexts } from './labels.js';
import { type Direction, idealLayout, NARROW } from './layout.js';
import { Lines } from './lines.js';
import { type EdgeText, NAMES_FROM, type NodeText, nodeSize, Overlay, READABLE_FROM } from './overlay.js';
import { edgeWidth, graphStyle } from './style.js';

interface ElementData {
  readonly id: string;
  readonly source?: string;
  readonly target?: string;
  readonly parent?: string;
  readonly [name: string]: string | number | undefined;
}

export interface GraphEvents {
  /** Somebody opens a node or an edge, or closes what was open. */
  readonly opened: (id: string | undefined) => void;
}

const FIT_PADDING = { wide: 44, narrow: 16 };
const MAX_FIT_ZOOM = 1.25;
/** Smaller, names cannot be read on a phone: there it is better to see a part. */
const MIN_NARROW_ZOOM = 0.75;
/** The same beside an open panel, where what is opened stays in the middle. */
const MIN_OPEN_ZOOM = 0.62;
/** How far from its place a text may reach. */
const LABEL_REACH = 160;
/** With more nodes than this, lines are straight. */
const STRAIGHT_FROM = 120;

/**
 * The graph on the screen. What is drawn is brought up to date in place: nodes stay where they are, and where somebody has
 * moved them; only new ones are placed.
 */
export class GraphCanvas {
  private readonly cy: cytoscape.Core;
  private readonly overlay: Overlay;
  private readonly flow: Flow;
  private readonly places = new Map<string, Point>();
  private view: ViewGraph = { nodes: [], edges: [], groups: [] };
  private nodeText = new Map<string, Pick<NodeText, 'title' | 'subtitle' | 'alarm' | 'icon' | 'troubled'>>();
  private edgeText = new Map<string, Pick<EdgeText, 'parts' | 'second' | 'icons'>>();
  private colors: Colors = currentColors();
  private sizes: ReadonlyMap<string, Size> = new Map();
  private readonly lines = new Lines();
  private selected: string | undefined;
  private arrangement = '';
  private direction: Direction = 'LR';
  /** Nobody has zoomed or moved: the whole graph stays in view as it grows. */
  private untouched = true;

  constructor(
    private readonly container: HTMLElement,
    private readonly events: GraphEvents,
  ) {
    this.cy = cytoscapeLibrary({
      container,
      style: graphStyle(this.colors),
      minZoom: 0.08,
      maxZoom: 2.5,
      boxSelectionEnabled: false,
      autounselectify: true,
      selectionType: 'single',
    });
    this.flow = new Flow(
      container,
      () => ({ zoom: this.cy.zoom(), pan: this.cy.pan() }),
      () => this.colors,
    );
    this.overlay = new Overlay(container);
    this.listen();
  }

  get graph(): ViewGraph {
    return this.view;
  }

  /** Where nodes stand, by ID. */
  get positions(): Readonly<Record<string, Point>> {
    return Object.fromEntries(this.places);
  }

  /** `arrangement` names what is drawn besides its numbers (how detailed, how grouped): another one is laid out anew. */
  show(view: ViewGraph, arrangement: string): void {
    this.view = view;
    const anew = arrangement !== this.arrangement || this.cy.nodes().empty();
    if (arrangement !== this.arrangement) this.places.clear();
    this.arrangement = arrangement;
    this.nodeText = new Map(view.nodes.map((node) => [node.id, nodeTexts(node)]));
    this.edgeText = new Map(view.edges.map((edge) => [edge.id, edgeTexts(edge)]));
    this.sizes = new Map(view.nodes.map((node) => [node.id, sizeOf(node)]));
    const grew = view.nodes.some(({ id }) => !this.places.has(id));
    if (grew) this.placeNew();
    this.cy.batch(() => this.bringUpToDate());
    this.mark();
    if (anew || (grew && this.untouched)) this.fit();
  }

  /** Emphasizes a node or an edge and what it touches. */
  select(id: string | undefined): void {
    if (id === this.selected) return;
    this.selected = id;
    this.mark();
    this.reveal();
  }

  focus(id: string | undefined): void {
    this.cy.nodes('.focused').removeClass('focused');
    if (id === undefined) return;
    const node = this.nodeOf(id);
    if (node === undefined) return;
    node.addClass('focused');
    const { x1, y1, x2, y2 } = this.cy.extent();
    const at = node.position();
    if (at.x < x1 || at.x > x2 || at.y < y1 || at.y > y2) this.cy.center(node);
  }

  fit(): void {
    this.cy.resize();
    this.cy.fit(undefined, this.container.clientWidth < NARROW ? FIT_PADDING.narrow : FIT_PADDING.wide);
    if (this.cy.zoom() > MAX_FIT_ZOOM) {
      this.cy.zoom(MAX_FIT_ZOOM);
      this.cy.center();
    } else if (this.container.clientWidth < NARROW && this.cy.zoom() < MIN_NARROW_ZOOM) this.fitPart();
    this.untouched = true;
  }

  /** As wide as the screen, and the upper end, where callers stand. */
  private fitPart(): void {
    const room = (this.container.clientWidth - 2 * FIT_PADDING.narrow) / this.cy.elements().boundingBox().w;
    this.cy.zoom(Math.max(MIN_NARROW_ZOOM, Math.min(1, room)));
    this.cy.center();
    const { y1 } = this.cy.elements().renderedBoundingBox();
    if (y1 < FIT_PADDING.narrow) this.cy.panBy({ x: 0, y: FIT_PADDING.narrow - y1 });
  }

  zoomBy(factor: number): void {
    this.untouched = false;
    const { clientWidth, clientHeight } = this.container;
    this.cy.zoom({ level: this.cy.zoom() * factor, renderedPosition: { x: clientWidth / 2, y: clientHeight / 2 } });
  }

  /** Forgets where everything stood. */
  layOut(): void {
    this.places.clear();
    this.placeNew();
    this.cy.batch(() => this.bringUpToDate());
    this.fit();
    this.updateFlow();
  }

  resized(): void {
    this.cy.resize();
    if (this.untouched) this.fit();
    this.reveal();
  }

  /** What is opened is seen beside the panel, and large enough. */
  private reveal(): void {
    const opened = this.selected === undefined ? undefined : this.cy.getElementById(this.selected);
    if (opened === undefined || opened.empty()) return;
    const small = this.untouched && this.cy.zoom() < MIN_OPEN_ZOOM;
    if (small) this.cy.zoom(MIN_OPEN_ZOOM);
    const { x1, x2, y1, y2 } = opened.renderedBoundingBox();
    const { clientWidth, clientHeight } = this.container;
    if (small || x1 < 0 || y1 < 0 || x2 > clientWidth || y2 > clientHeight) this.cy.center(opened);
  }

  themeChanged(): void {
    this.colors = currentColors();
    this.cy.style(graphStyle(this.colors));
  }

  /** The node that is next to `id` in a direction, as the eye sees it. */
  neighbourOf(id: string | undefined, direction: 'left' | 'right' | 'up' | 'down'): string | undefined {
    const from = id === undefined ? undefined : this.places.get(id);
    if (from === undefined) return this.view.nodes[0]?.id;
    const along = direction === 'left' || direction === 'right' ? 'x' : 'y';
    const across = along === 'x' ? 'y' : 'x';
    const sign = direction === 'left' || direction === 'up' ? -1 : 1;
    let best: { id: string; cost: number } | undefined;
    for (const node of this.view.nodes) {
      const at = this.places.get(node.id);
      if (at === undefined || node.id === id) continue;
      const ahead = (at[along] - from[along]) * sign;
      if (ahead <= 1) continue;
      const cost = ahead + Math.abs(at[across] - from[across]) * 2.2;
      if (best === undefined || cost < best.cost) best = { id: node.id, cost };
    }
    return best?.id;
  }

  private listen(): void {
    const { cy } = this;
    cy.on('tap', (event) => {
      const { target } = event;
      if (target === cy || target.hasClass('group')) this.events.opened(undefined);
      else this.events.opened(target.id());
    });
    cy.on('mouseover', 'node, edge', (event) => {
      if (event.target.hasClass('group')) return;
      event.target.addClass('hovered');
      this.container.classList.add('pointing');
    });
    cy.on('mouseout', 'node, edge', (event) => {
      event.target.removeClass('hovered');
      this.container.classList.remove('pointing');
    });
    cy.on('drag', 'node', (event) => this.moved(event.target));
    cy.on('dragpan scrollzoom pinchzoom', () => {
      this.untouched = false;
    });
    cy.on('render', () => this.drawOverlay());
  }

  private moved(node: cytoscape.NodeSingular): void {
    for (const child of node.isParent() ? node.children().toArray() : [node]) {
      this.places.set(child.id(), { ...child.position() });
    }
    this.cy.batch(() => this.bend());
    this.updateFlow();
  }

  private placeNew(): void {
    const { nodes, edges, groups } = this.view;
    const boxes = nodes.map((node) => ({ id: node.id, group: node.group, ...sizeOf(node) }));
    const { clientWidth: width, clientHeight: height } = this.container;
    const { direction, places } = idealLayout(
      boxes,
      edges,
      groups.map(({ id }) => id),
      { width, height },
    );
    // What is there already stays as it runs.
    if (this.places.size === 0) this.direction = direction;
    for (const [id, at] of place(boxes, edges, this.places, places)) this.places.set(id, at);
  }

  private bringUpToDate(): void {
    const { nodes, edges, groups } = this.view;
    const wanted = new Set([...groups, ...nodes, ...edges].map(({ id }) => id));
    this.cy
      .elements()
      .filter((element) => !wanted.has(element.id()))
      .forEach((element) => {
        // Who moves out of a group must not go with it.
        if (element.isNode() && element.isParent()) element.children().move({ parent: null });
        element.remove();
      });
    this.arrangeLines();
    const known = new Set(groups.map(({ id }) => id));
    this.cy.add([
      ...groups.flatMap(({ id, title }) => this.put({ id, title }, 'group')),
      ...nodes.flatMap((node) => this.putNode(node, known)),
      ...edges.flatMap((edge) =>
        this.put(
          {
            id: edge.id,
            source: edge.source,
            target: edge.target,
            protocol: edge.protocol,
            health: edge.health,
            width: edgeWidth(edge),
            ...this.lines.curveOf(edge.id),
          },
          this.isStraight ? 'straight' : '',
        ),
      ),
    ]);
    this.cy.edges().toggleClass('straight', this.isStraight);
  }

  private putNode(node: ViewNode, groups: ReadonlySet<string>): cytoscape.ElementDefinition[] {
    const parent = node.group !== undefined && groups.has(node.group) ? node.group : undefined;
    const data = { id: node.id, kind: node.kind, health: node.health, ...this.sizes.get(node.id) };
    const at = this.places.get(node.id) ?? { x: 0, y: 0 };
    const added = this.put({ ...data, ...(parent === undefined ? {} : { parent }) });
    if (added.length > 0) return added.map((one) => ({ ...one, position: { ...at } }));
    const element = this.nodeOf(node.id);
    const inGroup = element?.isChild() === true ? element.parent().first().id() : undefined;
    if (inGroup !== parent) element?.move({ parent: parent ?? null });
    // To move it gives another object for it.
    const moved = this.nodeOf(node.id);
    const { x, y } = moved?.position() ?? at;
    if (x !== at.x || y !== at.y) moved?.position({ ...at });
    return [];
  }

  /** Brings what is there up to date, as far as it differs: whatever is written is styled anew. Gives what is to be added. */
  private put(data: ElementData, classes = ''): cytoscape.ElementDefinition[] {
    const found = this.cy.getElementById(data.id);
    if (found.empty()) return [{ data, classes }];
    const { id: _id, source: _source, target: _target, parent: _parent, ...changeable } = data;
    if (Object.entries(changeable).some(([name, value]) => found.data(name) !== value)) found.data(changeable);
    return [];
  }

  private nodeOf(id: string): cytoscape.NodeSingular | undefined {
    const found = this.cy.getElementById(id);
    return found.empty() || found.isEdge() ? undefined : (found as unknown as cytoscape.NodeSingular);
  }

  private get isStraight(): boolean {
    return this.view.nodes.length > STRAIGHT_FROM;
  }

  private arrangeLines(): void {
    const { places, sizes, direction, isStraight: straight } = this;
    this.lines.arrange(this.view.edges, { places, sizes, direction, straight });
  }

  private bend(): void {
    this.arrangeLines();
    for (const { id } of this.view.edges) this.put({ id, ...this.lines.curveOf(id) });
  }

  private mark(): void {
    this.cy.batch(() => {
      const { cy } = this;
      for (const { id, found } of this.view.nodes) cy.getElementById(id).toggleClass('found', found);
      const selected = this.selected === undefined ? cy.collection() : cy.getElementById(this.selected);
      const near = selected.union(selected.neighborhood()).union(selected.connectedNodes());
      cy.elements('.selected').not(selected).removeClass('selected');
      selected.addClass('selected');
      cy.elements().forEach((element) => {
        element.toggleClass('faded', near.nonempty() && !element.hasClass('group') && !near.contains(element));
      });
    });
    this.drawOverlay();
    this.updateFlow();
  }

  private drawOverlay(): void {
    const zoom = this.cy.zoom();
    const nodes = zoom < NAMES_FROM ? [] : this.nodesInView();
    const edges = zoom < READABLE_FROM ? [] : this.edgesInView();
    this.overlay.draw(nodes, edges, { zoom, pan: this.cy.pan() }, this.colors);
  }

  private nodesInView(): NodeText[] {
    return this.view.nodes.flatMap((node) => {
      const [texts, size, at] = [this.nodeText.get(node.id), this.sizes.get(node.id), this.places.get(node.id)];
      if (texts === undefined || size === undefined || at === undefined || !this.isInView(at)) return [];
      return [{ ...texts, ...size, ...at, health: node.health, faded: this.isFaded(node.id) }];
    });
  }

  private edgesInView(): EdgeText[] {
    return this.view.edges.flatMap((edge) => {
      const [texts, at] = [this.edgeText.get(edge.id), this.lines.labelPlace(edge)];
      if (texts === undefined || at === undefined || !this.isInView(at)) return [];
      return [{ ...texts, ...at, faded: this.isFaded(edge.id) }];
    });
  }

  private isInView({ x, y }: Point): boolean {
    const { x1, x2, y1, y2 } = this.cy.extent();
    return x > x1 - LABEL_REACH && x < x2 + LABEL_REACH && y > y1 - LABEL_REACH && y < y2 + LABEL_REACH;
  }

  private isFaded(id: string): boolean {
    return this.cy.getElementById(id).hasClass('faded');
  }

  private updateFlow(): void {
    const { edges } = this.view;
    const moving = edges.length > MAX_LINES ? [] : edges.filter(({ golden }) => golden.requestsPerSecond > 0);
    this.flow.show(
      moving
        .filter(({ id }) => !this.isFaded(id))
        .map(({ id, golden, health }) => ({
          id,
          path: this.lines.pathOf(id),
          requestsPerSecond: golden.requestsPerSecond,
          health,
        })),
    );
  }
}

function sizeOf(node: ViewNode): Size {
  // A width that followed the numbers would make the graph tremble.
  return nodeSize(node.title, `${node.subtitle} · 99.9/s · 99.9 % err`);
}

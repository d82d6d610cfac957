import type cytoscape from 'cytoscape';
import { type Point, place } from '../model/placement.js';
import type { ViewEdge, ViewGraph, ViewNode } from '../model/view-graph.js';
import cytoscapeLibrary from '../vendor/cytoscape.js';
import { type Colors, currentColors } from './colors.js';
import { curveBetween, pointOn } from './curve.js';
import { Flow } from './flow.js';
import { edgeTexts, nodeTexts } from './labels.js';
import { type Direction, idealLayout } from './layout.js';
import { type EdgeText, type NodeText, nodeSize, Overlay, READABLE_FROM } from './overlay.js';
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
const NARROW = 640;
const LANE = 16;

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
  /** How far a line is from the middle between its nodes, in lines. */
  private readonly lanes = new Map<string, number>();
  private degrees = new Map<string, number>();
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
    const grew = view.nodes.some(({ id }) => !this.places.has(id));
    if (grew) this.placeNew();
    this.cy.batch(() => this.bringUpToDate());
    this.mark();
    if (anew || (grew && this.untouched)) this.fit();
  }

  /** Emphasizes a node or an edge and what it touches. */
  select(id: string | undefined): void {
    this.selected = id;
    this.mark();
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
    }
    this.untouched = true;
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
    const boxes = nodes.map((node) => ({ id: node.id, group: node.group, ...this.sizeOf(node) }));
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

  private sizeOf(node: ViewNode): { width: number; height: number } {
    // A width that followed the numbers would make the graph tremble.
    return nodeSize(node.title, `${node.subtitle} · 99.9/s · 99.9 % err`);
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
    const known = new Set(groups.map(({ id }) => id));
    for (const { id, title } of groups) this.put({ id, title }, 'group');
    for (const node of nodes) {
      const parent = node.group !== undefined && known.has(node.group) ? node.group : undefined;
      this.put({
        id: node.id,
        kind: node.kind,
        health: node.health,
        ...this.sizeOf(node),
        ...(parent === undefined ? {} : { parent }),
      });
      const element = this.nodeOf(node.id);
      if (element === undefined) continue;
      const inGroup = element.isChild() ? element.parent().first().id() : undefined;
      if (inGroup !== parent) element.move({ parent: parent ?? null });
      const at = this.places.get(node.id);
      if (at !== undefined) this.nodeOf(node.id)?.position({ ...at });
    }
    for (const edge of edges) {
      this.put({
        id: edge.id,
        source: edge.source,
        target: edge.target,
        protocol: edge.protocol,
        health: edge.health,
        width: edgeWidth(edge),
      });
    }
    this.bend();
  }

  private put(data: ElementData, classes = ''): void {
    const found = this.cy.getElementById(data.id);
    if (found.empty()) {
      this.cy.add({ data, classes });
      return;
    }
    const { id: _id, source: _source, target: _target, parent: _parent, ...changeable } = data;
    found.data(changeable);
  }

  private nodeOf(id: string): cytoscape.NodeSingular | undefined {
    const found = this.cy.getElementById(id);
    return found.empty() || found.isEdge() ? undefined : (found as unknown as cytoscape.NodeSingular);
  }

  private edgeOf(id: string): cytoscape.EdgeSingular | undefined {
    const found = this.cy.getElementById(id);
    return found.empty() || found.isNode() ? undefined : (found as unknown as cytoscape.EdgeSingular);
  }

  /** Gives every line its curve; lines between the same two nodes run beside each other. */
  private bend(): void {
    const sizes = new Map(this.view.nodes.map((node) => [node.id, this.sizeOf(node)]));
    const lanes = new Map<string, ViewEdge[]>();
    for (const edge of this.view.edges) {
      const pair = `${edge.source} ${edge.target}`;
      lanes.set(pair, [...(lanes.get(pair) ?? []), edge]);
    }
    this.degrees = degreesOf([...lanes.keys()]);
    for (const edges of lanes.values()) {
      edges.forEach((edge, index) => {
        const [from, to] = [this.places.get(edge.source), this.places.get(edge.target)];
        const [size, targetSize] = [sizes.get(edge.source), sizes.get(edge.target)];
        if (from === undefined || to === undefined || size === undefined || targetSize === undefined) return;
        const lane = index - (edges.length - 1) / 2;
        this.lanes.set(edge.id, lane);
        const curve = curveBetween({ ...from, ...size }, { ...to, ...targetSize }, this.direction, lane * LANE);
        this.cy.getElementById(edge.id).data({ ...curve });
      });
    }
  }

  private mark(): void {
    this.cy.batch(() => {
      const { cy } = this;
      cy.elements().removeClass('faded selected found');
      for (const { id, found } of this.view.nodes) if (found) cy.getElementById(id).addClass('found');
      if (this.selected === undefined) return;
      const edge = this.edgeOf(this.selected);
      const element = this.nodeOf(this.selected) ?? edge;
      if (element === undefined) return;
      const near = edge === undefined ? element.closedNeighborhood() : edge.union(edge.connectedNodes());
      cy.elements().not(near).not('.group').addClass('faded');
      element.addClass('selected');
    });
    this.drawOverlay();
    this.updateFlow();
  }

  private drawOverlay(): void {
    const nodes: NodeText[] = [];
    for (const node of this.view.nodes) {
      const texts = this.nodeText.get(node.id);
      const element = this.nodeOf(node.id);
      if (texts === undefined || element === undefined) continue;
      const { x, y } = element.position();
      nodes.push({ ...texts, ...this.sizeOf(node), x, y, health: node.health, faded: element.hasClass('faded') });
    }
    const edges: EdgeText[] = [];
    for (const edge of this.cy.zoom() < READABLE_FROM ? [] : this.view.edges) {
      const texts = this.edgeText.get(edge.id);
      const element = this.edgeOf(edge.id);
      if (texts === undefined || element === undefined) continue;
      const { x, y } = this.labelPlace(edge);
      if (Number.isFinite(x)) edges.push({ ...texts, x, y, faded: element.hasClass('faded') });
    }
    this.overlay.draw(nodes, edges, { zoom: this.cy.zoom(), pan: this.cy.pan() }, this.colors);
  }

  /** Where several lines leave or meet, their labels stand at the other end. */
  private labelPlace(edge: ViewEdge): Point {
    const lane = this.lanes.get(edge.id) ?? 0;
    const [out, into] = [this.degrees.get(`from ${edge.source}`) ?? 1, this.degrees.get(`to ${edge.target}`) ?? 1];
    const at = lane !== 0 ? 0.5 + lane * 0.3 : into > out ? 0.32 : out > 1 ? 0.66 : 0.5;
    return pointOn(this.pathOf(edge.id), at);
  }

  private updateFlow(): void {
    // The ends of a line are known after it has been drawn.
    requestAnimationFrame(() => {
      this.flow.show(
        this.view.edges
          .filter(({ id, golden }) => golden.requestsPerSecond > 0 && this.edgeOf(id)?.hasClass('faded') === false)
          .map((edge) => ({
            id: edge.id,
            path: this.pathOf(edge.id),
            requestsPerSecond: edge.golden.requestsPerSecond,
            health: edge.health,
          })),
      );
    });
  }

  private pathOf(id: string): Point[] {
    const edge = this.edgeOf(id);
    if (edge === undefined) return [];
    return [edge.sourceEndpoint(), ...(edge.controlPoints() ?? []), edge.targetEndpoint()];
  }
}

/** How many nodes a node calls, and by how many it is called, by `from ID` and `to ID`. */
function degreesOf(pairs: readonly string[]): Map<string, number> {
  const degrees = new Map<string, number>();
  for (const pair of pairs) {
    const [source, target] = pair.split(' ');
    for (const key of [`from ${source}`, `to ${target}`]) degrees.set(key, (degrees.get(key) ?? 0) + 1);
  }
  return degrees;
}

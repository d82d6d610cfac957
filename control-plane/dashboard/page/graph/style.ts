import type cytoscape from 'cytoscape';
import type { Health } from '../model/signals.js';
import type { ViewEdge } from '../model/view-edges.js';
import type { Colors } from './colors.js';

/** Cytoscape draws boxes, lines and arrows; texts and marks are the overlay's. */
export function graphStyle(colors: Colors): cytoscape.StylesheetJson {
  const health: Readonly<Record<Health, string>> = {
    good: colors.good,
    degraded: colors.degraded,
    failing: colors.failing,
    idle: colors.idle,
  };
  const byHealth = (Object.keys(health) as Health[]).flatMap(
    (name): cytoscape.StylesheetJson => [
      { selector: `edge[health="${name}"]`, style: { 'line-color': health[name], 'target-arrow-color': health[name] } },
    ],
  );
  return [
    {
      selector: 'node',
      style: {
        shape: 'round-rectangle',
        'background-color': colors.card,
        'border-width': 1,
        'border-color': colors.border,
        'overlay-opacity': 0,
        'corner-radius': '10px',
      },
    },
    { selector: 'node[width]', style: { width: 'data(width)', height: 'data(height)' } },
    { selector: 'node[kind="service"]', style: { 'corner-radius': '24px' } },
    { selector: 'node[kind="external"], node[kind="outside"]', style: { 'border-style': 'dashed' } },
    {
      selector: 'node[health="failing"]',
      style: {
        'border-color': colors.failing,
        'underlay-color': colors.failing,
        'underlay-opacity': 0.16,
        'underlay-padding': 6,
      },
    },
    { selector: 'node[health="degraded"]', style: { 'border-color': colors.degraded } },
    {
      selector: 'node.group',
      style: {
        'background-color': colors.group,
        'background-opacity': 0.55,
        'border-width': 1,
        'border-color': colors.border,
        'border-style': 'dashed',
        'corner-radius': '16px',
        padding: '22px',
        label: 'data(title)',
        color: colors.muted,
        'font-size': 12,
        'font-weight': 600,
        'text-valign': 'top',
        'text-halign': 'center',
        'text-margin-y': 15,
        'underlay-opacity': 0,
      },
    },
    {
      selector: 'edge',
      style: {
        'curve-style': 'unbundled-bezier',
        'edge-distances': 'endpoints',
        'source-endpoint': 'data(sourceEndpoint)',
        'target-endpoint': 'data(targetEndpoint)',
        'control-point-distances': 'data(distances)',
        'control-point-weights': 'data(weights)',
        'target-arrow-shape': 'triangle',
        'arrow-scale': 0.9,
        width: 'data(width)',
        'overlay-opacity': 0,
        // The types do not know `endpoints` yet.
      } as unknown as cytoscape.Css.Edge,
    },
    { selector: 'edge.straight', style: { 'curve-style': 'straight' } },
    // Among hundreds, those that are well stand back.
    { selector: 'edge.straight[health="good"]', style: { opacity: 0.45 } },
    { selector: 'edge[?arc]', style: { 'edge-distances': 'intersection' } },
    ...byHealth,
    { selector: 'edge[health="idle"]', style: { 'line-style': 'dashed', 'line-dash-pattern': [4, 5] } },
    { selector: 'edge[protocol="tcp"]', style: { 'line-style': 'dashed', 'line-dash-pattern': [10, 4] } },
    { selector: '.faded', style: { opacity: 0.18 } },
    {
      selector: 'node.selected, node.focused',
      style: {
        'border-color': colors.accent,
        'border-width': 2.5,
        'underlay-color': colors.accent,
        'underlay-opacity': 0.2,
        'underlay-padding': 6,
      },
    },
    {
      selector: 'node.found',
      style: { 'underlay-color': colors.accent, 'underlay-opacity': 0.3, 'underlay-padding': 8 },
    },
    {
      selector: 'edge.selected, edge.hovered',
      style: { 'underlay-color': colors.accent, 'underlay-opacity': 0.25, 'underlay-padding': 5 },
    },
  ];
}

/** Thicker with more traffic, on a scale on which ten times more is one step. */
export function edgeWidth({ golden, protocol }: ViewEdge): number {
  const amount = protocol === 'tcp' ? golden.receivedBytesPerSecond / 1000 : golden.requestsPerSecond;
  return amount <= 0 ? 1.2 : Math.min(7, 1.6 + Math.log10(1 + amount) * 1.4);
}

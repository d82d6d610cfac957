/** Icons, drawn in a square of 24: as paths for the canvas, and as SVG in the page. */
export const ICONS = {
  workload: 'M12 2.5 20.5 7v10L12 21.5 3.5 17V7zM3.8 7.2 12 11.6l8.2-4.4M12 11.6v9.6',
  app: 'M4 4h6.5v6.5H4zM13.5 4H20v6.5h-6.5zM4 13.5h6.5V20H4zM13.5 13.5H20V20h-6.5z',
  service: 'M12 3 21 19.5H3z',
  external:
    'M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18M3 12h18M12 3c3 2.6 4 5.600 4 9s-1 6.400-4 9c-3-2.600-4-5.600-4-9s1-6.400 4-9',
  gateway: 'M4 12h13M12 6.500 17.500 12 12 17.500M20.500 4v16',
  outside: 'M12 4a4 4 0 1 0 0 8 4 4 0 0 0 0-8M4.500 20.500c.8-4 3.800-6 7.500-6s6.700 2 7.500 6',
  lock: 'M7 11V8a5 5 0 0 1 10 0v3M5.500 11h13v9.500h-13z',
  unlocked: 'M7 11V7.500a5 5 0 0 1 9.600-1.900M5.500 11h13v9.500h-13z',
  'circuit-broken': 'M13 2.500 5 13.500h6l-1 8 8-11h-6z',
  ejected: 'M12 4.500 20 14H4zM4 18.500h16',
  fault: 'M12 3.500 21.500 20h-19zM12 9.500v5M12 17v.6',
  denied: 'M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18M5.700 5.700l12.600 12.600',
  'rate-limited': 'M4 17a8.500 8.500 0 1 1 16 0M12 16l4.500-6',
  sun: 'M12 8a4 4 0 1 0 0 8 4 4 0 0 0 0-8M12 2v2.500M12 19.500V22M2 12h2.500M19.500 12H22M4.900 4.900l1.800 1.800M17.300 17.300l1.800 1.800M4.900 19.100l1.800-1.800M17.300 6.700l1.800-1.800',
  moon: 'M20 14.500A8.500 8.500 0 0 1 9.500 4a8.500 8.500 0 1 0 10.500 10.500z',
  fit: 'M4 9V4h5M15 4h5v5M20 15v5h-5M9 20H4v-5',
  layout: 'M4 12a8 8 0 0 1 14-5.300L20 9M20 4v5h-5M20 12a8 8 0 0 1-14 5.300L4 15M4 20v-5h5',
  plus: 'M12 5v14M5 12h14',
  minus: 'M5 12h14',
  close: 'M6 6l12 12M18 6 6 18',
  search: 'M11 4a7 7 0 1 0 0 14 7 7 0 0 0 0-14M16 16l4.500 4.500',
  filter: 'M4 6h16M7 12h10M10 18h4',
} as const;

export type IconName = keyof typeof ICONS;

const SVG = 'http://www.w3.org/2000/svg';

export function icon(name: IconName, title?: string): SVGSVGElement {
  const svg = document.createElementNS(SVG, 'svg');
  svg.setAttribute('viewBox', '0 0 24 24');
  svg.setAttribute('class', `icon icon-${name}`);
  if (title === undefined) svg.setAttribute('aria-hidden', 'true');
  else {
    svg.setAttribute('role', 'img');
    const text = document.createElementNS(SVG, 'title');
    text.textContent = title;
    svg.append(text);
  }
  const path = document.createElementNS(SVG, 'path');
  path.setAttribute('d', ICONS[name]);
  svg.append(path);
  return svg;
}

/** Text of an SVG or HTML document, and of its attributes. */
export function escapeText(text: string): string {
  return text.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`);
}

/** From values to pixels, with the values that an axis names. */
export interface Scale {
  readonly at: (value: number) => number;
  readonly ticks: readonly number[];
}

const TICKS = 5;

/** From 0 to at least `most`. */
export function linearScale(most: number, from: number, to: number): Scale {
  const end = most > 0 ? most : 1;
  const rough = end / TICKS;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = ([1, 2, 5, 10].find((factor) => factor * power >= rough * (1 - 1e-9)) ?? 10) * power;
  const count = Math.ceil(end / step - 1e-9);
  const ticks = Array.from({ length: count + 1 }, (_, index) => Number((index * step).toPrecision(12)));
  return { at: (value) => from + ((to - from) * value) / (count * step), ticks };
}

/** Powers of ten around both; values are above 0. */
export function logScale(least: number, most: number, from: number, to: number): Scale {
  const low = Math.floor(Math.log10(least));
  const high = Math.max(low + 1, Math.ceil(Math.log10(most) - 1e-9));
  const ticks = Array.from({ length: high - low + 1 }, (_, index) => Number((10 ** (low + index)).toPrecision(12)));
  return { at: (value) => from + ((to - from) * (Math.log10(value) - low)) / (high - low), ticks };
}

/** Colours for a light and for a dark background; sides without one of their own share the last. */
const COLOURS: Readonly<Record<string, readonly [light: string, dark: string]>> = {
  weft: ['#1769c4', '#5aa9f5'],
  envoy: ['#c25a10', '#f0924a'],
  'envoy-h2': ['#7a4bb0', '#b58be6'],
  other: ['#5f6b76', '#9aa7b2'],
};

export function sideClass(side: string): string {
  return `side-${side in COLOURS ? side : 'other'}`;
}

const colours = (dark: 0 | 1): string =>
  Object.entries(COLOURS)
    .map(([side, pair]) => `.side-${side}{--side:${pair[dark]}}`)
    .join('');

const STYLE = `svg{font:13px system-ui,sans-serif}text{fill:#24292f}.quiet{fill:#57606a}.grid{stroke:#d0d7de}.title{font-weight:600}
${colours(0)}.bar,.point{fill:var(--side)}.line{fill:none;stroke:var(--side);stroke-width:2}.whisker{stroke:#24292f}
@media (prefers-color-scheme:dark){text{fill:#e6edf3}.quiet{fill:#9da7b1}.grid{stroke:#3d444d}.whisker{stroke:#e6edf3}${colours(1)}}`;

export interface Drawing {
  readonly title: string;
  readonly width: number;
  readonly height: number;
  readonly body: readonly string[];
}

/** A whole SVG document that needs nothing from elsewhere. */
export function svg({ title, width, height, body }: Drawing): string {
  const label = escapeText(title);
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-label="${label}">`,
    `<style>${STYLE}</style>`,
    `<text class="title" x="8" y="20">${label}</text>`,
    ...body,
    '</svg>',
    '',
  ].join('\n');
}

export function text(x: number, y: number, content: string, anchor: 'start' | 'middle' | 'end', quiet = true): string {
  return `<text${quiet ? ' class="quiet"' : ''} x="${round(x)}" y="${round(y)}" text-anchor="${anchor}">${escapeText(content)}</text>`;
}

export function line(kind: 'grid' | 'whisker', x1: number, y1: number, x2: number, y2: number): string {
  return `<line class="${kind}" x1="${round(x1)}" y1="${round(y1)}" x2="${round(x2)}" y2="${round(y2)}"/>`;
}

export function round(value: number): number {
  return Math.round(value * 10) / 10;
}

/** Names of sides with their colours, in a row. */
export function legend(sides: readonly string[], x: number, y: number): string[] {
  const CHARACTER = 8;
  const GAP = 34;
  let at = x;
  return sides.flatMap((side) => {
    const start = at;
    at += side.length * CHARACTER + GAP;
    return [
      `<rect class="bar ${sideClass(side)}" x="${start}" y="${y - 10}" width="12" height="12" rx="2"/>`,
      text(start + 17, y, side, 'start'),
    ];
  });
}

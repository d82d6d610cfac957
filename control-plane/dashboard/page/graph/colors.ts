/** Colours that the canvas takes from the style sheet, so that it follows the theme. */
export interface Colors {
  readonly background: string;
  readonly card: string;
  readonly text: string;
  readonly muted: string;
  readonly border: string;
  readonly accent: string;
  readonly good: string;
  readonly degraded: string;
  readonly failing: string;
  readonly idle: string;
  readonly group: string;
}

const NAMES: readonly (keyof Colors)[] = [
  'background',
  'card',
  'text',
  'muted',
  'border',
  'accent',
  'good',
  'degraded',
  'failing',
  'idle',
  'group',
];

/** As the theme in force has them. */
export function currentColors(): Colors {
  const probe = document.createElement('span');
  document.body.append(probe);
  const read = (name: keyof Colors): string => {
    probe.className = `color-${name}`;
    return getComputedStyle(probe).color;
  };
  const colors = Object.fromEntries(NAMES.map((name) => [name, read(name)])) as unknown as Colors;
  probe.remove();
  return colors;
}

import { printable } from '../output/printable.js';

/** What one look found: fine, to be looked at, or broken. */
export type Level = 'ok' | 'warning' | 'error';

export interface Line {
  readonly level: Level;
  readonly text: string;
  /** What to do; always there when it is not fine. */
  readonly advice?: string;
}

export interface Section {
  readonly title: string;
  readonly lines: readonly Line[];
}

export const ok = (text: string): Line => ({ level: 'ok', text });
export const warning = (text: string, advice: string): Line => ({ level: 'warning', text, advice });
export const error = (text: string, advice: string): Line => ({ level: 'error', text, advice });

const SIGN: Record<Level, string> = { ok: '✓', warning: '‼', error: '✗' };
const COLOUR: Record<Level, number> = { ok: 32, warning: 33, error: 31 };

/** A section for people; colour only where a terminal shows it. */
export function formatSection({ title, lines }: Section, colour: boolean): string {
  const sign = (level: Level): string => (colour ? `\x1b[${COLOUR[level]}m${SIGN[level]}\x1b[0m` : SIGN[level]);
  const texts = lines.flatMap(({ level, text, advice }) => [
    `${sign(level)} ${printable(text)}`,
    ...(advice === undefined ? [] : [`    → ${printable(advice)}`]),
  ]);
  return [title, ...texts].join('\n');
}

export function count(sections: readonly Section[], level: Level): number {
  return sections.flatMap(({ lines }) => lines).filter((line) => line.level === level).length;
}

const SHOWN = 5;

/** `a, b, c and 4 more`. */
export function some(names: readonly string[]): string {
  const shown = names.slice(0, SHOWN).join(', ');
  return names.length <= SHOWN ? shown : `${shown} and ${names.length - SHOWN} more`;
}

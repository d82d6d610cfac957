import { parse } from 'yaml';

/**
 * The value of a bootstrap's text, which is YAML. JSON, as programs write it, is read without YAML's parser, in a tenth of its
 * time; a key given twice is left to that parser, which refuses it.
 */
export function parseText(text: string): unknown {
  return jsonValue(text) ?? (parse(text) as unknown);
}

/** Strings of JSON, and whether they are keys. */
const STRINGS = /"(?:[^"\\]|\\.)*"(\s*:)?/g;

/** The object that a text is in JSON, in which every key stands once; else undefined. */
function jsonValue(text: string): object | undefined {
  if (!/^\s*\{/.test(text)) return undefined;
  let keys = 0;
  let value: object;
  try {
    value = JSON.parse(text, (_key, member: unknown) => {
      if (typeof member === 'object' && member !== null && !Array.isArray(member)) keys += Object.keys(member).length;
      return member;
    }) as object;
  } catch {
    return undefined;
  }
  for (const [, colon] of text.matchAll(STRINGS)) if (colon !== undefined) keys--;
  return keys === 0 ? value : undefined;
}

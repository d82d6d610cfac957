/** More digits than this would not stay exact. */
const MAX_DIGITS = 15;

/** The number that a text of 1 to 15 digits and nothing else is; -1 for any other text. */
export function decimal(text: string): number {
  const { length } = text;
  if (length === 0 || length > MAX_DIGITS) return -1;
  let value = 0;
  for (let i = 0; i < length; i++) {
    const digit = text.charCodeAt(i) - 48;
    if (digit < 0 || digit > 9) return -1;
    value = value * 10 + digit;
  }
  return value;
}

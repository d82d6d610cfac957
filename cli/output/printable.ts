const CONTROL = /[^\P{Cc}\n\t]/gu;

/**
 * Text for a terminal. What proxies say of themselves and what stood in logs may hold escape sequences, which would
 * move the cursor, rename the window or forge lines: control characters are written out, but for line ends and tabs.
 */
export function printable(text: string): string {
  return text.replace(CONTROL, (char) => `\\x${char.charCodeAt(0).toString(16).padStart(2, '0')}`);
}

/** Without a prototype V8 keeps it as a table, in which names leave no trace. */
const table = Object.create(null) as Record<string, true>;

/**
 * The same text as V8 has it for texts of the program. Two of those are compared by their addresses; a comparison that has met one
 * other string looks at the characters from then on. So all names by which header fields are looked up are made so. Not for every request.
 */
export function interned(text: string): string {
  table[text] = true;
  const [kept = text] = Object.keys(table);
  delete table[text];
  return kept;
}

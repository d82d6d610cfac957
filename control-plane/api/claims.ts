const ROUTING = /^@request\.auth\.claims(?:\.(.+)|((?:\[[^[\]]+\])+))$/i;

/** `@request.auth.claims.NAME.NAME`, or `@request.auth.claims[NAME][NAME]`: the path of a claim that stands in place of a header. */
export function routingClaim(header: string): readonly string[] | undefined {
  const [, dotted, bracketed] = ROUTING.exec(header) ?? [];
  if (dotted !== undefined) return dotted.split('.');
  return bracketed === undefined ? undefined : bracketedNames(bracketed);
}

/** `[a][b]` → a, b; brackets within brackets make one name of the whole. */
export function bracketedNames(text: string): string[] {
  if (/^(?:\[[^[\]]*\])+$/.test(text)) return text.slice(1, -1).split('][');
  return [text.replace(/^\[|\]$/g, '')];
}

/** The part of the Common Expression Language that log filters are written in: github.com/google/cel-spec, without macros but `has`. */
export type CelNode =
  | { readonly kind: 'literal'; readonly value: string | number | boolean | null }
  | { readonly kind: 'list'; readonly items: readonly CelNode[] }
  /** A dotted name, as far as names go: `request.url_path`. */
  | { readonly kind: 'name'; readonly path: string }
  | { readonly kind: 'index'; readonly of: CelNode; readonly key: CelNode }
  | {
      readonly kind: 'call';
      readonly name: string;
      readonly target: CelNode | undefined;
      readonly args: readonly CelNode[];
    }
  | { readonly kind: 'unary'; readonly op: '!' | '-'; readonly of: CelNode }
  | { readonly kind: 'binary'; readonly op: string; readonly left: CelNode; readonly right: CelNode }
  | { readonly kind: 'choice'; readonly test: CelNode; readonly then: CelNode; readonly otherwise: CelNode };

interface Token {
  readonly kind: 'name' | 'literal' | 'op' | 'end';
  readonly text: string;
  readonly value?: string | number;
  readonly at: number;
}

/** An expression that cannot be parsed throws an Error with the position. */
export function parseCel(source: string): CelNode {
  const parser = new Parser(tokenize(source));
  return parser.parse();
}

const TOKEN =
  /\s*(?:([A-Za-z_]\w*)|(\d+\.\d+(?:[eE][+-]?\d+)?|0x[\da-fA-F]+|\d+)u?|("(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')|(&&|\|\||[=!<>]=|[<>!()[\],.?:+\-*/%]))/y;

/** A chain of operators is as deep as it is long once it is evaluated. */
const MAX_TOKENS = 1000;

function tokenize(source: string): Token[] {
  const tokens: Token[] = [];
  TOKEN.lastIndex = 0;
  const end = source.trimEnd().length;
  while (TOKEN.lastIndex < end) {
    const at = TOKEN.lastIndex;
    const match = TOKEN.exec(source);
    if (match === null)
      throw new Error(`expression: unexpected text at position ${at}: ${source.slice(at, at + 20).trim()}`);
    const [, name, number, quoted, op] = match;
    if (name !== undefined) tokens.push({ kind: 'name', text: name, at });
    else if (number !== undefined) tokens.push({ kind: 'literal', text: number, value: Number(number), at });
    else if (quoted !== undefined) tokens.push({ kind: 'literal', text: quoted, value: unquote(quoted), at });
    else tokens.push({ kind: 'op', text: op ?? '', at });
    if (tokens.length > MAX_TOKENS) throw new Error(`expression: longer than ${MAX_TOKENS} words and signs`);
  }
  tokens.push({ kind: 'end', text: 'the end', at: end });
  return tokens;
}

const ESCAPES: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t' };

function unquote(text: string): string {
  return text.slice(1, -1).replace(/\\(.)/g, (_, char: string) => ESCAPES[char] ?? char);
}

/** Operators from the loosest to the tightest; all are left-associative. */
const LEVELS: readonly (readonly string[])[] = [
  ['||'],
  ['&&'],
  ['==', '!=', '<', '<=', '>', '>=', 'in'],
  ['+', '-'],
  ['*', '/', '%'],
];

/** Nesting is bounded, so that no expression can exhaust the stack. */
const MAX_DEPTH = 50;

class Parser {
  private at = 0;
  private depth = 0;

  constructor(private readonly tokens: readonly Token[]) {}

  parse(): CelNode {
    const node = this.expression();
    if (this.peek().kind !== 'end') this.unexpected();
    return node;
  }

  private expression(): CelNode {
    if (++this.depth > MAX_DEPTH) throw new Error('expression: nested too deeply');
    const test = this.level(0);
    let node = test;
    if (this.accept('?')) {
      const then = this.expression();
      this.expect(':');
      node = { kind: 'choice', test, then, otherwise: this.expression() };
    }
    this.depth--;
    return node;
  }

  private level(index: number): CelNode {
    const operators = LEVELS[index];
    if (operators === undefined) return this.unary();
    let left = this.level(index + 1);
    while (operators.includes(this.peek().text) && this.peek().kind !== 'literal') {
      const op = this.next().text;
      left = { kind: 'binary', op, left, right: this.level(index + 1) };
    }
    return left;
  }

  private unary(): CelNode {
    const { text, kind } = this.peek();
    if (kind !== 'op' || (text !== '!' && text !== '-')) return this.postfix();
    if (++this.depth > MAX_DEPTH) throw new Error('expression: nested too deeply');
    this.next();
    const node: CelNode = { kind: 'unary', op: text, of: this.unary() };
    this.depth--;
    return node;
  }

  private postfix(): CelNode {
    let node = this.primary();
    for (;;) {
      if (this.accept('[')) {
        node = { kind: 'index', of: node, key: this.expression() };
        this.expect(']');
      } else if (this.accept('.')) {
        const name = this.name();
        if (this.accept('(')) node = { kind: 'call', name, target: node, args: this.list(')') };
        else if (node.kind === 'name') node = { kind: 'name', path: `${node.path}.${name}` };
        else node = { kind: 'index', of: node, key: { kind: 'literal', value: name } };
      } else return node;
    }
  }

  private primary(): CelNode {
    const token = this.next();
    if (token.kind === 'literal') return { kind: 'literal', value: token.value ?? null };
    if (token.kind === 'name') {
      if (token.text === 'true' || token.text === 'false') return { kind: 'literal', value: token.text === 'true' };
      if (token.text === 'null') return { kind: 'literal', value: null };
      if (this.accept('(')) return { kind: 'call', name: token.text, target: undefined, args: this.list(')') };
      return { kind: 'name', path: token.text };
    }
    if (token.text === '(') {
      const node = this.expression();
      this.expect(')');
      return node;
    }
    if (token.text === '[') return { kind: 'list', items: this.list(']') };
    this.at--;
    return this.unexpected();
  }

  private list(close: string): CelNode[] {
    const items: CelNode[] = [];
    if (this.accept(close)) return items;
    do items.push(this.expression());
    while (this.accept(','));
    this.expect(close);
    return items;
  }

  private name(): string {
    if (this.peek().kind !== 'name') this.unexpected();
    return this.next().text;
  }

  private peek(): Token {
    return this.tokens[this.at] ?? { kind: 'end', text: 'the end', at: 0 };
  }

  private next(): Token {
    const token = this.peek();
    this.at++;
    return token;
  }

  private accept(text: string): boolean {
    if (this.peek().kind !== 'op' || this.peek().text !== text) return false;
    this.at++;
    return true;
  }

  private expect(text: string): void {
    if (!this.accept(text)) this.unexpected();
  }

  private unexpected(): never {
    const { text, at } = this.peek();
    throw new Error(`expression: unexpected ${text} at position ${at}`);
  }
}

import { RE2JS } from 're2js';
import type { FormatContext } from '../format.js';
import { ATTRIBUTES, type CelMap, type CelValue } from './attributes.js';
import { type CelNode, parseCel } from './parse.js';

type Eval = (context: FormatContext) => CelValue;

/**
 * Compiles a log filter's expression to a predicate. An unknown attribute, function or operator is an Error that names
 * it. While it runs, an absent attribute is CEL's error: it goes through operators, `&&` and `||` absorb it where the
 * other side decides, and a filter that ends with it does not log.
 */
export function compileCel(source: string): (context: FormatContext) => boolean {
  const evaluate = compile(parseCel(source));
  return (context) => evaluate(context) === true;
}

function compile(node: CelNode): Eval {
  switch (node.kind) {
    case 'literal':
      return () => node.value;
    case 'list': {
      const items = node.items.map(compile);
      return (context) => items.map((item) => item(context));
    }
    case 'name':
      return attribute(node.path);
    case 'index':
      return index(node.of, node.key);
    case 'call':
      return call(node.name, node.target, node.args);
    case 'unary':
      return unary(node.op, compile(node.of));
    case 'binary':
      return binary(node.op, compile(node.left), compile(node.right));
    case 'choice': {
      const [test, then, otherwise] = [compile(node.test), compile(node.then), compile(node.otherwise)];
      return (context) => {
        const chosen = test(context);
        return typeof chosen === 'boolean' ? (chosen ? then(context) : otherwise(context)) : undefined;
      };
    }
  }
}

function attribute(path: string): Eval {
  const found = ATTRIBUTES[path];
  if (found !== undefined && Object.hasOwn(ATTRIBUTES, path)) return found;
  // `request.headers.name` is the same as `request.headers['name']`.
  const dot = path.lastIndexOf('.');
  const map = dot < 0 ? undefined : path.slice(0, dot);
  if (map === 'request.headers' || map === 'response.headers') {
    return index({ kind: 'name', path: map }, { kind: 'literal', value: path.slice(dot + 1) });
  }
  throw new Error(`expression: unknown attribute ${path}`);
}

function index(of: CelNode, key: CelNode): Eval {
  const [container, at] = [compile(of), compile(key)];
  return (context) => {
    const value = container(context);
    const member = at(context);
    if (isMap(value)) return typeof member === 'string' ? value.get(member) : undefined;
    return Array.isArray(value) && typeof member === 'number' ? (value as CelValue[])[member] : undefined;
  };
}

const TEXT_FUNCTIONS: Readonly<Record<string, (text: string, argument: string) => boolean>> = {
  contains: (text, argument) => text.includes(argument),
  startsWith: (text, argument) => text.startsWith(argument),
  endsWith: (text, argument) => text.endsWith(argument),
};

function call(name: string, target: CelNode | undefined, args: readonly CelNode[]): Eval {
  const [argument] = args;
  if (name === 'has' && target === undefined && args.length === 1 && argument !== undefined) {
    const value = compile(argument);
    return (context) => value(context) !== undefined;
  }
  if (name === 'size') {
    const sized = target ?? argument;
    if (sized !== undefined && args.length === (target === undefined ? 1 : 0)) return size(compile(sized));
  }
  if (target !== undefined && argument !== undefined && args.length === 1) {
    if (name === 'matches') return matches(compile(target), argument);
    const test = Object.hasOwn(TEXT_FUNCTIONS, name) ? TEXT_FUNCTIONS[name] : undefined;
    if (test !== undefined) return onText(compile(target), compile(argument), test);
  }
  throw new Error(`expression: unknown function ${name} with ${args.length} arguments`);
}

function size(value: Eval): Eval {
  return (context) => {
    const sized = value(context);
    if (typeof sized === 'string') return [...sized].length;
    return Array.isArray(sized) ? sized.length : undefined;
  };
}

function onText(target: Eval, argument: Eval, test: (text: string, argument: string) => boolean): Eval {
  return (context) => {
    const [text, other] = [target(context), argument(context)];
    return typeof text === 'string' && typeof other === 'string' ? test(text, other) : undefined;
  };
}

/** RE2, found anywhere in the text; the pattern must be a literal so that it is compiled once. */
function matches(target: Eval, pattern: CelNode): Eval {
  if (pattern.kind !== 'literal' || typeof pattern.value !== 'string') {
    throw new Error('expression: matches needs a literal pattern');
  }
  const regex = RE2JS.compile(pattern.value);
  return (context) => {
    const text = target(context);
    return typeof text === 'string' ? regex.matcher(text).find() : undefined;
  };
}

function unary(op: '!' | '-', of: Eval): Eval {
  if (op === '!') {
    return (context) => {
      const value = of(context);
      return typeof value === 'boolean' ? !value : undefined;
    };
  }
  return (context) => {
    const value = of(context);
    return typeof value === 'number' ? -value : undefined;
  };
}

function binary(op: string, left: Eval, right: Eval): Eval {
  if (op === '&&') return decide(left, right, false);
  if (op === '||') return decide(left, right, true);
  const apply = BINARY[op];
  if (apply === undefined) throw new Error(`expression: unknown operator ${op}`);
  return (context) => {
    const [a, b] = [left(context), right(context)];
    return a === undefined || b === undefined ? undefined : apply(a, b);
  };
}

/** `&&` and `||`: one side with the deciding value decides, even where the other is an error. */
function decide(left: Eval, right: Eval, deciding: boolean): Eval {
  return (context) => {
    const a = left(context);
    if (a === deciding) return deciding;
    const b = right(context);
    if (b === deciding) return deciding;
    return typeof a === 'boolean' && typeof b === 'boolean' ? !deciding : undefined;
  };
}

const BINARY: Readonly<Record<string, (a: CelValue, b: CelValue) => CelValue>> = {
  '==': (a, b) => equal(a, b),
  '!=': (a, b) => not(equal(a, b)),
  '<': (a, b) => compare(a, b, (order) => order < 0),
  '<=': (a, b) => compare(a, b, (order) => order <= 0),
  '>': (a, b) => compare(a, b, (order) => order > 0),
  '>=': (a, b) => compare(a, b, (order) => order >= 0),
  in: (a, b) => {
    if (isMap(b)) return typeof a === 'string' ? b.get(a) !== undefined : undefined;
    return Array.isArray(b) ? b.some((item) => equal(a, item as CelValue) === true) : undefined;
  },
  '+': (a, b) => {
    if (typeof a === 'string' && typeof b === 'string') return a + b;
    return arithmetic(a, b, (x, y) => x + y);
  },
  '-': (a, b) => arithmetic(a, b, (x, y) => x - y),
  '*': (a, b) => arithmetic(a, b, (x, y) => x * y),
  // CEL's integers: division cuts towards zero, and by zero it is an error.
  '/': (a, b) => (b === 0 ? undefined : arithmetic(a, b, (x, y) => Math.trunc(x / y))),
  '%': (a, b) => (b === 0 ? undefined : arithmetic(a, b, (x, y) => x % y)),
};

function equal(a: CelValue, b: CelValue): boolean | undefined {
  return a === null || b === null || typeof a === typeof b ? a === b : undefined;
}

function not(value: boolean | undefined): boolean | undefined {
  return value === undefined ? undefined : !value;
}

function compare(a: CelValue, b: CelValue, holds: (order: number) => boolean): boolean | undefined {
  if (typeof a === 'number' && typeof b === 'number') return holds(a - b);
  return typeof a === 'string' && typeof b === 'string' ? holds(a < b ? -1 : a > b ? 1 : 0) : undefined;
}

function arithmetic(a: CelValue, b: CelValue, apply: (x: number, y: number) => number): number | undefined {
  return typeof a === 'number' && typeof b === 'number' ? apply(a, b) : undefined;
}

function isMap(value: CelValue): value is CelMap {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

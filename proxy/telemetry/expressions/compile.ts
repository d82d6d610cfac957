import { ATTRIBUTES, type AttributeRoot, OPEN_ROOTS, type OpenRoot } from '../../../common/expressions/attributes.js';
import { type AttributeClasses, ExpressionLanguage } from '../../../common/expressions/language.js';
import type { FormatContext } from '../format.js';
import { OPEN_VALUES, VALUES } from './attributes.js';

/** An expression over a finished request or connection. */
export interface CompiledExpression {
  /** undefined is an error of CEL's: an absent attribute, types that do not go together. A whole number is a bigint. */
  value(context: FormatContext): unknown;
  /** Why it never has a value; see Expression. */
  readonly fault: string | undefined;
}

/** Compiles expressions; nothing is loaded before there is one. */
export class Expressions {
  private ready: { readonly language: ExpressionLanguage; readonly names: NamesClass } | undefined;

  /** `node` is the proxy's own, as a plain object. */
  constructor(private readonly node: object) {}

  /** Throws an Error that says what cannot be understood, and where. */
  compile(source: string): CompiledExpression {
    this.ready ??= prepare(this.node);
    const { language, names } = this.ready;
    const { evaluate, fault } = language.parse(source);
    return {
      fault,
      value(context) {
        try {
          return evaluate(new names(context));
        } catch {
          return undefined;
        }
      },
    };
  }
}

type NamesClass = new (context: FormatContext) => object;
type Getter = (context: FormatContext) => unknown;

/** Objects with getters: an attribute that no expression names is not looked up. */
function prepare(node: object): { readonly language: ExpressionLanguage; readonly names: NamesClass } {
  const roots = Object.keys(ATTRIBUTES) as AttributeRoot[];
  const classes = Object.fromEntries(roots.map((root) => [root, viewClass(VALUES[root])]));
  const getters: Record<string, Getter> = { node: () => node };
  for (const root of OPEN_ROOTS) if (root !== 'node') getters[root] = OPEN_VALUES[root as Exclude<OpenRoot, 'node'>];
  for (const root of roots) {
    const View = classes[root] as NamesClass;
    getters[root] = (context) => new View(context);
  }
  return { language: new ExpressionLanguage(classes as unknown as AttributeClasses), names: viewClass(getters) };
}

function viewClass(getters: Readonly<Record<string, Getter>>): NamesClass {
  class View {
    readonly #context: FormatContext;

    constructor(context: FormatContext) {
      this.#context = context;
    }

    static read(view: View, get: Getter): unknown {
      return get(view.#context);
    }
  }
  for (const [name, get] of Object.entries(getters)) {
    Object.defineProperty(View.prototype, name, {
      get(this: View) {
        return View.read(this, get);
      },
    });
  }
  return View;
}

/** A value as a label or a log shows it, in Envoy's notation. */
export function showValue(value: unknown): string {
  if (typeof value === 'string') return value;
  if (value instanceof Date) return value.toISOString();
  if (value instanceof Uint8Array) return Buffer.from(value).toString('latin1');
  return typeof value === 'object' && value !== null && value.constructor === Object
    ? JSON.stringify(value, (_, inner: unknown) => (typeof inner === 'bigint' ? Number(inner) : inner))
    : String(value);
}

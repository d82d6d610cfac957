import { createRequire } from 'node:module';
import type { ASTNode, Environment } from '@marcbachmann/cel-js';
import { RE2JS } from 're2js';
import { ATTRIBUTES, type AttributeRoot, OPEN_ROOTS } from './attributes.js';

/** A parsed expression of the Common Expression Language (github.com/google/cel-spec). */
export interface Expression {
  /**
   * Its value: a whole number is a bigint. `names` has a member for every root of attributes. Throws what CEL calls an
   * error: an attribute that is absent, or types that do not go together.
   */
  evaluate(names: object): unknown;
  /** Why it can never have a value, where its types tell: an attribute that does not exist, a number compared with a text. */
  readonly fault: string | undefined;
}

/** For each root, whose instances carry its attributes. */
export type AttributeClasses = Readonly<Record<AttributeRoot, abstract new (...args: never[]) => object>>;

type Library = typeof import('@marcbachmann/cel-js/evaluator');

const LIMITS = { maxAstNodes: 1000, maxDepth: 100 };

let loaded: Library | undefined;

/** The library is loaded when the first expression is. */
function library(): Library {
  loaded ??= createRequire(import.meta.url)('@marcbachmann/cel-js/evaluator') as Library;
  return loaded;
}

/** A time span as a value of expressions. */
export function durationValue(ms: number): object {
  return library().Duration.fromMilliseconds(ms);
}

/** Expressions over Envoy's attributes. */
export class ExpressionLanguage {
  private environment: Environment | undefined;

  constructor(private readonly classes: AttributeClasses) {}

  /** Throws an Error with the position of what cannot be understood. */
  parse(source: string): Expression {
    this.environment ??= environmentOf(this.classes);
    const text = source.trim();
    const parsed = readable(() => (this.environment as Environment).parse(text));
    withLinearRegex(parsed.ast);
    const checked = parsed.check();
    return {
      evaluate: (names) => quietly(() => parsed(names as Record<string, unknown>)),
      fault: checked.valid ? undefined : describe(checked.error),
    };
  }
}

function environmentOf(classes: AttributeClasses): Environment {
  const { Environment } = library();
  const environment = new Environment({ homogeneousAggregateLiterals: false, limits: LIMITS });
  environment.registerFunction(`string.${LINEAR_MATCH}(string): bool`, matches);
  for (const [root, fields] of Object.entries(ATTRIBUTES)) {
    const type = `attributes_${root}`;
    environment.registerType(type, { ctor: classes[root as AttributeRoot], fields });
    environment.registerVariable(root, type);
  }
  for (const root of OPEN_ROOTS) environment.registerVariable(root, 'dyn');
  return environment;
}

const LINEAR_MATCH = 'matchesLinear';
const patterns = new Map<string, RE2JS>();

/** RE2, as CEL says: the library would use a regular expression that a long text can keep busy. */
function matches(text: string, pattern: string): boolean {
  let compiled = patterns.get(pattern);
  if (compiled === undefined) {
    compiled = RE2JS.compile(pattern);
    if (patterns.size >= 100) patterns.clear();
    patterns.set(pattern, compiled);
  }
  return compiled.matcher(text).find();
}

/** Leads calls of `matches` to ours; a literal pattern that is none throws. */
function withLinearRegex(node: unknown): void {
  if (Array.isArray(node)) for (const part of node) withLinearRegex(part);
  if (typeof node !== 'object' || node === null || !('op' in node)) return;
  const { op, args } = node as ASTNode;
  if (op === 'rcall' && args[0] === 'matches') {
    const [pattern] = args[2];
    if (args[2].length === 1 && pattern?.op === 'value' && typeof pattern.args === 'string') matches('', pattern.args);
    args[0] = LINEAR_MATCH;
  }
  withLinearRegex(args);
}

function readable<T>(parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    throw new Error(`expression: ${describe(error)}`);
  }
}

/** What the library says is wrong, with the position instead of a drawing of it. */
function describe(error: unknown): string {
  if (!(error instanceof Error)) return 'cannot be understood';
  const { summary, range } = error as Error & { summary?: string; range?: { start: number } };
  return `${summary ?? error.message}${range === undefined ? '' : ` at position ${range.start}`}`;
}

/** An absent attribute is an Error to the library; most of its cost is the stack that nobody reads. */
function quietly<T>(evaluate: () => T): T {
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = 0;
  try {
    return evaluate();
  } finally {
    Error.stackTraceLimit = limit;
  }
}

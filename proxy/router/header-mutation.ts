import type { HeaderValueOption__Output } from '../../proto/gen/envoy/config/core/v3/HeaderValueOption.js';
import type { HeaderList } from '../http/headers.js';
import { interned } from '../http/interned.js';
import type { RequestHead, ResponseHead } from '../http/message.js';
import type { StreamInfo } from '../http/stream-info.js';
import type { Issues } from '../snapshot/issues.js';

/** What a header value's command operators are rendered from. */
export interface FormatContext {
  readonly info: StreamInfo;
  readonly request: RequestHead | undefined;
  readonly response: ResponseHead | undefined;
}

export interface HeaderFormat {
  format(context: FormatContext): string;
}

/**
 * Compiles a value with command operators (`%REQ(x)%`). An operator without a value must render as nothing, not as
 * `-`. A template that is not valid throws.
 */
export type HeaderFormatCompiler = (template: string) => HeaderFormat;

/** The header operations of one level: cluster, route, virtual host or table. */
export interface HeaderMutation {
  apply(headers: HeaderList, context: FormatContext): void;
}

type AppendAction = 'append' | 'add-if-absent' | 'overwrite-or-add' | 'overwrite-if-exists';

interface Addition {
  readonly name: string;
  readonly key: string;
  readonly action: AppendAction;
  readonly keepEmpty: boolean;
  /** A constant, or what renders one. */
  readonly value: string | HeaderFormat;
}

const ACTIONS: Readonly<Record<string, AppendAction>> = {
  APPEND_IF_EXISTS_OR_ADD: 'append',
  ADD_IF_ABSENT: 'add-if-absent',
  OVERWRITE_IF_EXISTS_OR_ADD: 'overwrite-or-add',
  OVERWRITE_IF_EXISTS: 'overwrite-if-exists',
};

const NAME = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
/** Envoy's bound on a header value in configuration. */
const MAX_VALUE = 16_384;

/** Compiles one level's operations; undefined when there are none. */
export function compileHeaderMutation(
  add: readonly HeaderValueOption__Output[] | undefined,
  remove: readonly string[] | undefined,
  compileFormat: HeaderFormatCompiler,
  issues: { readonly add: Issues; readonly remove: Issues },
): HeaderMutation | undefined {
  const removals = (remove ?? []).map((name) => interned(name.toLowerCase()));
  for (const name of removals) if (!isModifiable(name)) issues.remove.error(`'${name}' cannot be removed`);
  const additions: Addition[] = [];
  (add ?? []).forEach((option, index) => {
    const addition = compileAddition(option, compileFormat, issues.add.at(index));
    if (addition !== undefined) additions.push(addition);
  });
  if (removals.length === 0 && additions.length === 0) return undefined;
  return { apply: (headers, context) => apply(removals, additions, headers, context) };
}

function isModifiable(key: string): boolean {
  return NAME.test(key) && key !== 'host';
}

function compileAddition(
  option: HeaderValueOption__Output,
  compileFormat: HeaderFormatCompiler,
  issues: Issues,
): Addition | undefined {
  const name = option.header?.key ?? '';
  if (!isModifiable(name.toLowerCase())) {
    issues.error(`'${name}' cannot be added or changed`);
    return undefined;
  }
  if (
    option.append !== undefined &&
    (option.append_action ?? 'APPEND_IF_EXISTS_OR_ADD') !== 'APPEND_IF_EXISTS_OR_ADD'
  ) {
    issues.error('append and append_action are both set');
    return undefined;
  }
  const action =
    option.append?.value === false ? 'overwrite-or-add' : ACTIONS[option.append_action ?? 'APPEND_IF_EXISTS_OR_ADD'];
  if (action === undefined) {
    issues.at('append_action').error(`'${option.append_action}' is not known`);
    return undefined;
  }
  const value = compileValue(option, compileFormat, issues);
  if (value === undefined) return undefined;
  return { name, key: interned(name.toLowerCase()), action, keepEmpty: option.keep_empty_value === true, value };
}

function compileValue(
  option: HeaderValueOption__Output,
  compileFormat: HeaderFormatCompiler,
  issues: Issues,
): string | HeaderFormat | undefined {
  const raw = option.header?.raw_value;
  const text = raw !== undefined && raw.length > 0 ? raw.toString('latin1') : (option.header?.value ?? '');
  if (text.length > MAX_VALUE || /[\0\r\n]/.test(text)) {
    issues.error('the value is too long or holds a control character');
    return undefined;
  }
  if (!text.includes('%')) return text;
  if (text.replaceAll('%%', '').indexOf('%') < 0) return text.replaceAll('%%', '%');
  try {
    return compileFormat(text);
  } catch (error) {
    issues.error(`value '${text}': ${error instanceof Error ? error.message : String(error)}`);
    return undefined;
  }
}

/** Removes, then overwrites, then adds; every value and condition is taken from what was there before both. */
function apply(
  removals: readonly string[],
  additions: readonly Addition[],
  headers: HeaderList,
  context: FormatContext,
): void {
  for (const key of removals) headers.delete(key);
  if (additions.length === 1) {
    const only = additions[0];
    if (only !== undefined) applyOne(only, headers, context);
    return;
  }
  const pending: (readonly [Addition, string])[] = [];
  for (const addition of additions) {
    const value = render(addition, headers, context);
    if (value !== undefined) pending.push([addition, value]);
  }
  for (const [addition, value] of pending) if (isOverwrite(addition)) overwrite(headers, addition, value);
  for (const [addition, value] of pending) {
    if (!isOverwrite(addition)) headers.appendKnown(addition.key, addition.name, value);
  }
}

function applyOne(addition: Addition, headers: HeaderList, context: FormatContext): void {
  const value = render(addition, headers, context);
  if (value === undefined) return;
  if (isOverwrite(addition)) overwrite(headers, addition, value);
  else headers.appendKnown(addition.key, addition.name, value);
}

/** The value that is to be written, or undefined when the operation does nothing now. */
function render(addition: Addition, headers: HeaderList, context: FormatContext): string | undefined {
  if (addition.action === 'add-if-absent' && headers.has(addition.key)) return undefined;
  if (addition.action === 'overwrite-if-exists' && !headers.has(addition.key)) return undefined;
  const value = typeof addition.value === 'string' ? addition.value : addition.value.format(context);
  return value === '' && !addition.keepEmpty ? undefined : value;
}

function isOverwrite(addition: Addition): boolean {
  return addition.action === 'overwrite-or-add' || addition.action === 'overwrite-if-exists';
}

function overwrite(headers: HeaderList, addition: Addition, value: string): void {
  if (headers.has(addition.key)) headers.set(addition.key, value);
  else headers.appendKnown(addition.key, addition.name, value);
}

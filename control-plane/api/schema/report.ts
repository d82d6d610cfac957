import { Code } from '../codes.js';

/** A finding without its place: `path` is turned into a line by the object's origin. */
export interface Issue {
  readonly code: string;
  readonly level: 'error' | 'warning' | 'info';
  /** `spec.http[0].timeout`. */
  readonly path: string;
  readonly message: string;
}

/**
 * What an unknown field does to its object: `warn` drops the field; `reject` makes the object invalid; `mark` drops the
 * field and marks the condition around it as one that we cannot evaluate; `ignore` is for kinds that are read in part.
 */
export type UnknownFields = 'warn' | 'reject' | 'mark' | 'ignore';

/** Most issues that are kept of one object; a hostile file gets no more lines than this. */
const MAX_ISSUES = 100;

/** Collects every issue of one object while it is validated. */
export class Report {
  readonly #issues: Issue[] = [];
  /** Policy for unknown fields in the part under validation. */
  unknownFields: UnknownFields = 'warn';
  /** Set when the condition under validation holds something that we cannot evaluate. */
  marked = false;
  #failed = false;

  get issues(): readonly Issue[] {
    return this.#issues;
  }

  /** Whether the object must not be used. */
  get failed(): boolean {
    return this.#failed;
  }

  error(path: string, message: string, code: string = Code.schema): void {
    this.#failed = true;
    this.#add({ code, level: 'error', path, message });
  }

  warn(code: string, path: string, message: string): void {
    this.#add({ code, level: 'warning', path, message });
  }

  #add(issue: Issue): void {
    // An error counts more than a warning that came before it.
    if (this.#issues.length < MAX_ISSUES) this.#issues.push(issue);
    else if (issue.level === 'error' && this.#issues.every(({ level }) => level !== 'error')) {
      this.#issues[MAX_ISSUES - 1] = issue;
    }
  }
}

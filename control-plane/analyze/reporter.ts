import { findingOf } from '../api/finding.js';
import type { ConfigObject, Finding } from '../api/object.js';

/** Collects findings about objects. */
export class Reporter {
  readonly findings: Finding[] = [];

  error(object: ConfigObject, code: string, field: string, message: string): void {
    this.#add(object, code, 'error', field, message);
  }

  warning(object: ConfigObject, code: string, field: string, message: string): void {
    this.#add(object, code, 'warning', field, message);
  }

  info(object: ConfigObject, code: string, field: string, message: string): void {
    this.#add(object, code, 'info', field, message);
  }

  #add(object: ConfigObject, code: string, level: Finding['level'], path: string, message: string): void {
    this.findings.push(findingOf(object, { code, level, path, message }));
  }
}

/**
 * What validation found in one resource: every error, not only the first, each with the path of its field. An error
 * refuses the resource (NACK); a warning names what is set and has no effect here.
 */
export class Issues {
  readonly errors: string[];
  readonly warnings: string[];

  constructor(
    private readonly path = '',
    shared?: { readonly errors: string[]; readonly warnings: string[] },
  ) {
    this.errors = shared?.errors ?? [];
    this.warnings = shared?.warnings ?? [];
  }

  /** The same lists, with messages below a field or an index. */
  at(segment: string | number): Issues {
    const path = typeof segment === 'number' ? `${this.path}[${segment}]` : join(this.path, segment);
    return new Issues(path, this);
  }

  error(message: string): void {
    this.errors.push(this.path === '' ? message : `${this.path}: ${message}`);
  }

  warn(message: string): void {
    this.warnings.push(this.path === '' ? message : `${this.path}: ${message}`);
  }

  /** Names every listed field that is set in a message: fields that change behaviour and that we do not act on. */
  refuse<T extends object>(message: T, fields: readonly (keyof T & string)[]): void {
    for (const field of fields) if (isSet(message[field])) this.at(field).error('is not supported');
  }

  /** The same for fields without which a request is answered alike. */
  ignore<T extends object>(message: T, fields: readonly (keyof T & string)[]): void {
    for (const field of fields) if (isSet(message[field])) this.at(field).warn('has no effect');
  }
}

function join(path: string, segment: string): string {
  return path === '' ? segment : `${path}.${segment}`;
}

/** Whether a field says something: proto3 scalars at their default, and empty lists and maps, do not. */
function isSet(value: unknown): boolean {
  if (value === undefined || value === null || value === false || value === 0 || value === '') return false;
  if (Array.isArray(value) || Buffer.isBuffer(value)) return value.length > 0;
  return true;
}

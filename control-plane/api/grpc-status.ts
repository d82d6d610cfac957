const NAMES = [
  'OK',
  'CANCELLED',
  'UNKNOWN',
  'INVALID_ARGUMENT',
  'DEADLINE_EXCEEDED',
  'NOT_FOUND',
  'ALREADY_EXISTS',
  'PERMISSION_DENIED',
  'RESOURCE_EXHAUSTED',
  'FAILED_PRECONDITION',
  'ABORTED',
  'OUT_OF_RANGE',
  'UNIMPLEMENTED',
  'INTERNAL',
  'UNAVAILABLE',
  'DATA_LOSS',
  'UNAUTHENTICATED',
];

/** The number of a gRPC status that is written as its name or as its number; undefined when it is neither. */
export function grpcStatusOf(text: string): number | undefined {
  const number = /^\d{1,2}$/.test(text) ? Number(text) : NAMES.indexOf(text);
  return number >= 0 && number < NAMES.length ? number : undefined;
}

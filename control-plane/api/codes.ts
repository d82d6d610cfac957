/** Codes of findings: Istio's analysis codes where it has one, ours (`WEFT…`) elsewhere. */
export const Code = {
  deprecated: 'IST0002',
  schema: 'IST0106',
  /** A field that Istio's API does not have. */
  unknownField: 'WEFT0001',
  /** A field of Istio's API that this release does not act on. */
  unsupportedField: 'WEFT0002',
  /** A kind that is not read. */
  unknownKind: 'WEFT0003',
  /** A kind in a group or version that does not have it. */
  wrongApiVersion: 'WEFT0004',
  /** Text that is no YAML or JSON, or a file that cannot be read. */
  unreadable: 'WEFT0005',
  /** One object defined twice. */
  duplicateObject: 'WEFT0006',
  /** A value that is read and changes nothing. */
  withoutEffect: 'WEFT0007',
} as const;

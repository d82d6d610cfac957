
export interface _istio_networking_nds_v1_NameTable_NameInfo {
  'ips'?: (string)[];
  'registry'?: (string);
  'shortname'?: (string);
  'namespace'?: (string);
  'alt_hosts'?: (string)[];
}

export interface _istio_networking_nds_v1_NameTable_NameInfo__Output {
  'ips'?: (string)[];
  'registry'?: (string);
  'shortname'?: (string);
  'namespace'?: (string);
  'alt_hosts'?: (string)[];
}

export interface NameTable {
  'table'?: ({[key: string]: _istio_networking_nds_v1_NameTable_NameInfo});
}

export interface NameTable__Output {
  'table'?: ({[key: string]: _istio_networking_nds_v1_NameTable_NameInfo__Output});
}

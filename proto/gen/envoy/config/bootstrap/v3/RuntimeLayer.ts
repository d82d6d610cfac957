import type { Struct as _google_protobuf_Struct, Struct__Output as _google_protobuf_Struct__Output } from '../../../../google/protobuf/Struct.js';

export interface RuntimeLayer {
  'name'?: (string);
  'static_layer'?: (_google_protobuf_Struct | null);
  'layer_specifier'?: "static_layer";
}

export interface RuntimeLayer__Output {
  'name'?: (string);
  'static_layer'?: (_google_protobuf_Struct__Output);
}

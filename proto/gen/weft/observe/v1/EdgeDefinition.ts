import type { EdgeEnd as _weft_observe_v1_EdgeEnd, EdgeEnd__Output as _weft_observe_v1_EdgeEnd__Output } from '../../../weft/observe/v1/EdgeEnd.js';

export interface EdgeDefinition {
  'id'?: (number);
  'reporter'?: (string);
  'protocol'?: (string);
  'source'?: (_weft_observe_v1_EdgeEnd | null);
  'destination'?: (_weft_observe_v1_EdgeEnd | null);
  'service'?: (string);
  'mtls'?: (boolean);
}

export interface EdgeDefinition__Output {
  'id'?: (number);
  'reporter'?: (string);
  'protocol'?: (string);
  'source'?: (_weft_observe_v1_EdgeEnd__Output);
  'destination'?: (_weft_observe_v1_EdgeEnd__Output);
  'service'?: (string);
  'mtls'?: (boolean);
}

import type { Hello as _weft_observe_v1_Hello, Hello__Output as _weft_observe_v1_Hello__Output } from '../../../weft/observe/v1/Hello.js';
import type { Sample as _weft_observe_v1_Sample, Sample__Output as _weft_observe_v1_Sample__Output } from '../../../weft/observe/v1/Sample.js';
import type { AnswerPart as _weft_observe_v1_AnswerPart, AnswerPart__Output as _weft_observe_v1_AnswerPart__Output } from '../../../weft/observe/v1/AnswerPart.js';

export interface FromProxy {
  'hello'?: (_weft_observe_v1_Hello | null);
  'sample'?: (_weft_observe_v1_Sample | null);
  'answer'?: (_weft_observe_v1_AnswerPart | null);
  'message'?: "hello"|"sample"|"answer";
}

export interface FromProxy__Output {
  'hello'?: (_weft_observe_v1_Hello__Output);
  'sample'?: (_weft_observe_v1_Sample__Output);
  'answer'?: (_weft_observe_v1_AnswerPart__Output);
}

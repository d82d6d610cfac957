import type { Pace as _weft_observe_v1_Pace, Pace__Output as _weft_observe_v1_Pace__Output } from '../../../weft/observe/v1/Pace.js';
import type { Question as _weft_observe_v1_Question, Question__Output as _weft_observe_v1_Question__Output } from '../../../weft/observe/v1/Question.js';
import type { Cancel as _weft_observe_v1_Cancel, Cancel__Output as _weft_observe_v1_Cancel__Output } from '../../../weft/observe/v1/Cancel.js';

export interface ToProxy {
  'pace'?: (_weft_observe_v1_Pace | null);
  'question'?: (_weft_observe_v1_Question | null);
  'cancel'?: (_weft_observe_v1_Cancel | null);
  'message'?: "pace"|"question"|"cancel";
}

export interface ToProxy__Output {
  'pace'?: (_weft_observe_v1_Pace__Output);
  'question'?: (_weft_observe_v1_Question__Output);
  'cancel'?: (_weft_observe_v1_Cancel__Output);
}

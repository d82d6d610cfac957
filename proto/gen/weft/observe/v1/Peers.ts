import type * as grpc from '@grpc/grpc-js'
import type { MethodDefinition } from '@grpc/proto-loader'
import type { PeerAnswer as _weft_observe_v1_PeerAnswer, PeerAnswer__Output as _weft_observe_v1_PeerAnswer__Output } from '../../../weft/observe/v1/PeerAnswer.js';
import type { PeerQuestion as _weft_observe_v1_PeerQuestion, PeerQuestion__Output as _weft_observe_v1_PeerQuestion__Output } from '../../../weft/observe/v1/PeerQuestion.js';

export interface PeersClient extends grpc.Client {
  Ask(argument: _weft_observe_v1_PeerQuestion, metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientReadableStream<_weft_observe_v1_PeerAnswer__Output>;
  Ask(argument: _weft_observe_v1_PeerQuestion, options?: grpc.CallOptions): grpc.ClientReadableStream<_weft_observe_v1_PeerAnswer__Output>;
  ask(argument: _weft_observe_v1_PeerQuestion, metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientReadableStream<_weft_observe_v1_PeerAnswer__Output>;
  ask(argument: _weft_observe_v1_PeerQuestion, options?: grpc.CallOptions): grpc.ClientReadableStream<_weft_observe_v1_PeerAnswer__Output>;
  
}

export interface PeersHandlers extends grpc.UntypedServiceImplementation {
  Ask: grpc.handleServerStreamingCall<_weft_observe_v1_PeerQuestion__Output, _weft_observe_v1_PeerAnswer>;
  
}

export interface PeersDefinition extends grpc.ServiceDefinition {
  Ask: MethodDefinition<_weft_observe_v1_PeerQuestion, _weft_observe_v1_PeerAnswer, _weft_observe_v1_PeerQuestion__Output, _weft_observe_v1_PeerAnswer__Output>
}

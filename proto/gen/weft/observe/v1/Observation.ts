import type * as grpc from '@grpc/grpc-js'
import type { MethodDefinition } from '@grpc/proto-loader'
import type { FromProxy as _weft_observe_v1_FromProxy, FromProxy__Output as _weft_observe_v1_FromProxy__Output } from '../../../weft/observe/v1/FromProxy.js';
import type { ToProxy as _weft_observe_v1_ToProxy, ToProxy__Output as _weft_observe_v1_ToProxy__Output } from '../../../weft/observe/v1/ToProxy.js';

export interface ObservationClient extends grpc.Client {
  Observe(metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientDuplexStream<_weft_observe_v1_FromProxy, _weft_observe_v1_ToProxy__Output>;
  Observe(options?: grpc.CallOptions): grpc.ClientDuplexStream<_weft_observe_v1_FromProxy, _weft_observe_v1_ToProxy__Output>;
  observe(metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientDuplexStream<_weft_observe_v1_FromProxy, _weft_observe_v1_ToProxy__Output>;
  observe(options?: grpc.CallOptions): grpc.ClientDuplexStream<_weft_observe_v1_FromProxy, _weft_observe_v1_ToProxy__Output>;
  
}

export interface ObservationHandlers extends grpc.UntypedServiceImplementation {
  Observe: grpc.handleBidiStreamingCall<_weft_observe_v1_FromProxy__Output, _weft_observe_v1_ToProxy>;
  
}

export interface ObservationDefinition extends grpc.ServiceDefinition {
  Observe: MethodDefinition<_weft_observe_v1_FromProxy, _weft_observe_v1_ToProxy, _weft_observe_v1_FromProxy__Output, _weft_observe_v1_ToProxy__Output>
}


export interface ResponseCount {
  'code'?: (number);
  'flags'?: (string);
  'origin'?: (string);
  'count'?: (number);
  'grpc_status'?: (number);
}

export interface ResponseCount__Output {
  'code'?: (number);
  'flags'?: (string);
  'origin'?: (string);
  'count'?: (number);
  'grpc_status'?: (number);
}

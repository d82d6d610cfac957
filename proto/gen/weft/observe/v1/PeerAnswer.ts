
export interface PeerAnswer {
  'status'?: (number);
  'data'?: (Buffer | Uint8Array | string);
}

export interface PeerAnswer__Output {
  'status'?: (number);
  'data'?: (Buffer);
}

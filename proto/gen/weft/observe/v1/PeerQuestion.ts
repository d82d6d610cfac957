
export interface PeerQuestion {
  'path'?: (string);
}

export interface PeerQuestion__Output {
  'path'?: (string);
}


export interface OriginalDst {
}

export interface OriginalDst__Output {
}


export interface RawBuffer {
}

export interface RawBuffer__Output {
}

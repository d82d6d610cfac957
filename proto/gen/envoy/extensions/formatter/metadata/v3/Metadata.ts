
export interface Metadata {
}

export interface Metadata__Output {
}

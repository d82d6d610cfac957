
export interface GrpcWeb {
}

export interface GrpcWeb__Output {
}

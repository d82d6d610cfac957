
export interface TcpProtocolOptions {
}

export interface TcpProtocolOptions__Output {
}

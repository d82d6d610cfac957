
export interface HttpInspector {
}

export interface HttpInspector__Output {
}

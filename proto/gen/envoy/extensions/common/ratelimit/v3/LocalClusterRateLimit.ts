
export interface LocalClusterRateLimit {
}

export interface LocalClusterRateLimit__Output {
}

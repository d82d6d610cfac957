
export interface SniCluster {
}

export interface SniCluster__Output {
}

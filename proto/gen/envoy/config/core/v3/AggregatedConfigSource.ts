
export interface AggregatedConfigSource {
}

export interface AggregatedConfigSource__Output {
}

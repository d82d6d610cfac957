
export interface NotHealthCheckFilter {
}

export interface NotHealthCheckFilter__Output {
}

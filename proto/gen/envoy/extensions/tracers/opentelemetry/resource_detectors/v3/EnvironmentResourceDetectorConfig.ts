
export interface EnvironmentResourceDetectorConfig {
}

export interface EnvironmentResourceDetectorConfig__Output {
}

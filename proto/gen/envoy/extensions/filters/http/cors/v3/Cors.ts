
export interface Cors {
}

export interface Cors__Output {
}


export interface Cel {
}

export interface Cel__Output {
}

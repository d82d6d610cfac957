
export interface ReqWithoutQuery {
}

export interface ReqWithoutQuery__Output {
}


export interface PreviousHostsPredicate {
}

export interface PreviousHostsPredicate__Output {
}

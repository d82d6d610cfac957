/** Node metadata that says whether a sidecar tells its control plane what it counts: `true`, or anything else. */
export const OBSERVE = 'WEFT_OBSERVE';
/** Node metadata that says whether live requests may be looked at (`weft tap`): not when it is `off`. */
export const TAP = 'WEFT_TAP';

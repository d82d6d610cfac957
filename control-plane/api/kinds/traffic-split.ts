/** SMI TrafficSplit (split.smi-spec.io, v1alpha1 to v1alpha4). */
export interface TrafficSplitSpec {
  /** The service whose traffic is split, a short or a full name. */
  readonly service: string;
  readonly backends: readonly TrafficSplitBackend[];
  /** HTTPRouteGroups that narrow the split, v1alpha3 on. Not acted on in this release: such a split is left out. */
  readonly matches?: readonly { readonly apiGroup?: string; readonly kind?: string; readonly name?: string }[];
}

export interface TrafficSplitBackend {
  readonly service: string;
  /** As written: a number or a quantity such as `900m`; `parseQuantity` gives the number. Only the ratio counts. */
  readonly weight: number | string;
}

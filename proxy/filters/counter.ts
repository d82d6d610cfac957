/** A count that a filter keeps, found once at configuration time. */
export interface Counter {
  increment(): void;
}

/** Gives the counter of an Envoy stat name (`http.ingress.rbac.denied`); the same name gives the same counter. */
export type CounterSource = (name: string) => Counter;

/** For places where nobody reads the counts. */
export const noCounters: CounterSource = () => ({ increment: () => {} });

/**
 * The sample application: a small Bookinfo of our own. productpage asks details and reviews; reviews v2 and v3 ask
 * ratings, which read a database over TCP. Details are asked over gRPC. A service and a version are one process.
 */
export type BookinfoService = 'productpage' | 'details' | 'reviews' | 'ratings' | 'ratings-db';

export interface SampleWorkload {
  readonly service: BookinfoService | 'traffic';
  readonly version: string;
}

/** Ports of services that speak something else than HTTP: details over gRPC, the database over TCP. */
export const DETAILS_GRPC = 'details:9081';
export const RATINGS_DATABASE = 'ratings-db:9042';

/** The workloads that `weft demo` can start, by the name of their WorkloadEntry. */
export const SAMPLE_WORKLOADS: ReadonlyMap<string, SampleWorkload> = new Map<string, SampleWorkload>([
  ['traffic', { service: 'traffic', version: 'v1' }],
  ['productpage-v1', { service: 'productpage', version: 'v1' }],
  ['details-v1', { service: 'details', version: 'v1' }],
  ['reviews-v1', { service: 'reviews', version: 'v1' }],
  ['reviews-v2', { service: 'reviews', version: 'v2' }],
  ['reviews-v3', { service: 'reviews', version: 'v3' }],
  ['ratings-v1', { service: 'ratings', version: 'v1' }],
  ['ratings-db-v1', { service: 'ratings-db', version: 'v1' }],
]);

export const REVIEWS: readonly { reviewer: string; text: string }[] = [
  { reviewer: 'Reviewer1', text: 'An extremely entertaining play. The slapstick humour is refreshing!' },
  { reviewer: 'Reviewer2', text: 'Absolutely fun and entertaining. It lacks thematic depth next to the other plays.' },
];

export const DETAILS = {
  id: 0,
  author: 'William Shakespeare',
  year: 1595,
  type: 'paperback',
  pages: 200,
  publisher: 'PublisherA',
  language: 'English',
} as const;

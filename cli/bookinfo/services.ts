import type { IncomingMessage } from 'node:http';
import { type BookinfoService, DETAILS, REVIEWS } from './catalog.js';
import type { DatabaseClient } from './database.js';
import type { DetailsClient } from './details-grpc.js';
import type { MeshClient } from './mesh-client.js';
import { renderPage } from './page.js';

export interface Answer {
  readonly status: number;
  readonly type: 'application/json' | 'text/html; charset=utf-8' | 'text/plain';
  readonly body: string;
}

export type Handler = (request: IncomingMessage, path: string) => Promise<Answer> | Answer;

const json = (body: unknown, status = 200): Answer => ({
  status,
  type: 'application/json',
  body: `${JSON.stringify(body)}\n`,
});

/** How a service reaches the others. */
export interface Others {
  readonly http: MeshClient;
  /** Asks for details over gRPC in place of HTTP. */
  readonly details: DetailsClient | undefined;
  /** Where ratings are kept; without one they are written here. */
  readonly database: DatabaseClient | undefined;
}

/** The HTTP request handlers of one service in one version. */
export function createHandler(
  service: Exclude<BookinfoService, 'ratings-db'>,
  version: string,
  others: Others,
): Handler {
  const client = others.http;
  const serve: Record<typeof service, Handler> = {
    productpage: (request, path) => productPage(request, path, others),
    details: (_request, path) => (path.startsWith('/details/') ? json({ ...DETAILS, id: idOf(path) }) : notFound(path)),
    reviews: (request, path) =>
      path.startsWith('/reviews/') ? reviews(request, path, version, client) : notFound(path),
    ratings: (_request, path) => (path.startsWith('/ratings/') ? ratings(path, others.database) : notFound(path)),
  };
  return (request, path) =>
    path === '/health' ? json({ status: 'healthy', service, version }) : serve[service](request, path);
}

function idOf(path: string): number {
  return Number(path.split('/')[2] ?? 0) || 0;
}

function notFound(path: string): Answer {
  return { status: 404, type: 'text/plain', body: `nothing at ${path}\n` };
}

async function productPage(request: IncomingMessage, path: string, { http, details: grpc }: Others): Promise<Answer> {
  if (path === '/')
    return { status: 200, type: 'text/html; charset=utf-8', body: '<a href="/productpage">The product page</a>\n' };
  if (path !== '/productpage') return notFound(path);
  const [details, reviewed] = await Promise.all([
    grpc?.get(0, request.headers) ?? http.get('http://details:9080/details/0', request.headers),
    http.get('http://reviews:9080/reviews/0', request.headers),
  ]);
  return { status: 200, type: 'text/html; charset=utf-8', body: renderPage(details, reviewed) };
}

/** A database that is away costs nobody their stars. */
async function ratings(path: string, database: DatabaseClient | undefined): Promise<Answer> {
  const written = { Reviewer1: 5, Reviewer2: 4 };
  const read = (await database?.ratings().catch(() => undefined)) ?? written;
  return json({ id: idOf(path), ratings: read });
}

const COLOURS: Record<string, string> = { v2: 'black', v3: 'red' };

async function reviews(request: IncomingMessage, path: string, version: string, client: MeshClient): Promise<Answer> {
  const colour = COLOURS[version];
  const id = idOf(path);
  if (colour === undefined) return json({ id, podname: `reviews-${version}`, reviews: REVIEWS });
  const answer = await client.get(`http://ratings:9080/ratings/${id}`, request.headers);
  const stars =
    answer.status === 200 ? (JSON.parse(answer.body) as { ratings: Record<string, number> }).ratings : undefined;
  return json({
    id,
    podname: `reviews-${version}`,
    reviews: REVIEWS.map((review) => ({
      ...review,
      rating:
        stars === undefined
          ? { error: 'Ratings service is currently unavailable' }
          : { stars: stars[review.reviewer], color: colour },
    })),
  });
}

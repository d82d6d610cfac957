import type { MeshAnswer } from './mesh-client.js';

interface ReviewsBody {
  readonly podname: string;
  readonly reviews: readonly {
    reviewer: string;
    text: string;
    rating?: { stars?: number; color?: string; error?: string };
  }[];
}

const escapeHtml = (text: string): string => text.replace(/[&<>"]/g, (c) => `&#${c.charCodeAt(0)};`);

function parsed<T>(answer: MeshAnswer): T | undefined {
  if (answer.status !== 200) return undefined;
  try {
    return JSON.parse(answer.body) as T;
  } catch {
    return undefined;
  }
}

/** The product page: a part whose service did not answer says so, and the page still comes. */
export function renderPage(details: MeshAnswer, reviews: MeshAnswer): string {
  const book = parsed<Record<string, unknown>>(details);
  const reviewed = parsed<ReviewsBody>(reviews);
  const left =
    book === undefined
      ? `<p class="error">Product details are currently unavailable (${details.status}).</p>`
      : `<dl>${Object.entries(book)
          .map(([key, value]) => `<dt>${escapeHtml(key)}</dt><dd>${escapeHtml(String(value))}</dd>`)
          .join('')}</dl>`;
  const right =
    reviewed === undefined
      ? `<p class="error">Product reviews are currently unavailable (${reviews.status}).</p>`
      : `${reviewed.reviews.map((review) => `<blockquote><p>${escapeHtml(review.text)}</p><footer>${escapeHtml(review.reviewer)} ${stars(review.rating)}</footer></blockquote>`).join('')}<p>Reviews served by ${escapeHtml(reviewed.podname)}</p>`;
  return `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>The Comedy of Errors</title><style>body{font:16px system-ui;max-width:48rem;margin:2rem auto}.error{color:#a00}.red{color:#c00}dt{font-weight:600}</style></head><body><h1>The Comedy of Errors</h1><h2>Details</h2>${left}<h2>Reviews</h2>${right}</body></html>\n`;
}

function stars(rating: { stars?: number; color?: string; error?: string } | undefined): string {
  if (rating === undefined) return '';
  if (rating.stars === undefined) return `<span class="error">${escapeHtml(rating.error ?? '')}</span>`;
  return `<span class="${rating.color === 'red' ? 'red' : ''}">${'★'.repeat(rating.stars)}${'☆'.repeat(5 - rating.stars)}</span>`;
}

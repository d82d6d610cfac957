/** An answer that is none; `status` is 0 where nobody answered. */
export class ApiError extends Error {
  constructor(
    message: string,
    readonly status: number,
  ) {
    super(message);
  }
}

const PATIENCE_MS = 15_000;

/** GET below `/api/` of the server that the page came from. Rejects with an {@link ApiError}. */
export async function getJson<T>(
  path: string,
  query: Readonly<Record<string, string | readonly string[] | undefined>> = {},
): Promise<T> {
  const url = new URL(`../api/${path}`, document.baseURI);
  for (const [name, value] of Object.entries(query)) {
    for (const one of value === undefined ? [] : [value].flat()) url.searchParams.append(name, one);
  }
  let response: Response;
  try {
    response = await fetch(url, { signal: AbortSignal.timeout(PATIENCE_MS), headers: { accept: 'application/json' } });
  } catch (error) {
    throw new ApiError(`the control plane does not answer (${error instanceof Error ? error.message : ''})`, 0);
  }
  if (response.status === 401) {
    location.reload();
    throw new ApiError('log in first', 401);
  }
  if (!response.ok) throw new ApiError(await explanation(response), response.status);
  return (await response.json()) as T;
}

async function explanation(response: Response): Promise<string> {
  const text = (await response.text()).trim();
  try {
    const { error } = JSON.parse(text) as { error?: unknown };
    if (typeof error === 'string') return error;
  } catch {
    // Plain text.
  }
  return text.slice(0, 300) || `the control plane answered ${response.status}`;
}

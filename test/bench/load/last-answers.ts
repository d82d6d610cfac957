const LAST_ANSWERS_MS = 1000;
const POLL_MS = 2;

/** Requests under way end first: a proxy that loses its client in the middle closes connections that it could keep. */
export async function lastAnswers(clients: readonly { readonly busy: boolean }[]): Promise<void> {
  const end = performance.now() + LAST_ANSWERS_MS;
  while (clients.some((client) => client.busy) && performance.now() < end) {
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

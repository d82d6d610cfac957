/** Waits until a proxy says at its admin port that it is ready. */
export async function untilReady(adminPort: number): Promise<void> {
  const deadline = Date.now() + 30_000;
  while ((await fetch(`http://127.0.0.1:${adminPort}/ready`).catch(() => undefined))?.status !== 200) {
    if (Date.now() > deadline) throw new Error(`nobody is ready at port ${adminPort}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

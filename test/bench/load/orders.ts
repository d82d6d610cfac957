/** The child's half of `LoadProcess`: says that it is ready, then answers one order after the other; ends with its parent. */
export function answerOrders<Order, Report>(ready: unknown, run: (order: Order) => Promise<Report>): void {
  process.on('message', ({ order }: { order: Order }) => {
    run(order).then(
      (report) => process.send?.({ report }),
      (error: unknown) =>
        process.send?.({ error: error instanceof Error ? (error.stack ?? error.message) : String(error) }),
    );
  });
  process.on('disconnect', () => process.exit(0));
  process.send?.({ ready });
}

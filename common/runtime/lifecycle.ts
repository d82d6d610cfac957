import { messageOf } from './errors.js';

/** What was started and has to be stopped, in order. Closing runs backwards and goes on past failures. */
export class Lifecycle {
  private readonly parts: { readonly name: string; readonly close: () => void | Promise<void> }[] = [];
  private closing: Promise<void> | undefined;

  add(name: string, close: () => void | Promise<void>): void {
    this.parts.push({ name, close });
  }

  /** Closes everything once; later calls wait for the first. Rejects with all failures joined. */
  close(): Promise<void> {
    this.closing ??= this.run();
    return this.closing;
  }

  private async run(): Promise<void> {
    const failures: string[] = [];
    for (const part of this.parts.reverse()) {
      try {
        await part.close();
      } catch (error) {
        failures.push(`${part.name}: ${messageOf(error)}`);
      }
    }
    if (failures.length > 0) throw new Error(`could not stop everything: ${failures.join('; ')}`);
  }
}

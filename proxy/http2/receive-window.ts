import { DEFAULT_WINDOW, ERROR } from './constants.js';
import { ConnectionError } from './errors.js';
import type { FrameOutput } from './output.js';

/** What the peer may still send on the whole connection. Given back on receipt, so that one slow reader does not hold up the others. */
export class ReceiveWindow {
  private left: number;

  constructor(
    private readonly size: number,
    private readonly output: FrameOutput,
  ) {
    this.left = Math.max(size, DEFAULT_WINDOW);
  }

  /** Opens the window from what the protocol begins with. */
  open(): void {
    if (this.size > DEFAULT_WINDOW) this.output.windowUpdate(0, this.size - DEFAULT_WINDOW);
  }

  /** @throws ConnectionError */
  receive(bytes: number): void {
    this.left -= bytes;
    if (this.left < 0) throw new ConnectionError(ERROR.FLOW_CONTROL_ERROR, 'rx_messaging_error');
    if (this.left * 2 >= this.size) return;
    this.output.windowUpdate(0, this.size - this.left);
    this.left = this.size;
  }
}

import { ACK, ERROR, FRAME } from './constants.js';
import { ConnectionError } from './errors.js';
import type { FloodGuard } from './flood-guard.js';
import type { HpackEncoder } from './hpack/encoder.js';
import type { FrameOutput } from './output.js';
import type { SendScheduler } from './send-scheduler.js';
import { readSettings, SETTING } from './settings.js';
import type { Http2Stream } from './stream.js';

/** Acknowledgements that may wait for a peer that does not read. */
const MAX_UNREAD_ACKS = 1000;
const NOTHING = Buffer.alloc(0);

export interface ControlParts {
  readonly output: FrameOutput;
  readonly encoder: HpackEncoder;
  readonly guard: FloodGuard;
  readonly sender: SendScheduler;
}

export interface ControlOwner {
  openStreams(): Iterable<Http2Stream>;
  onSettings(): void;
  onPingAck(payload: Buffer): void;
}

/** SETTINGS and PING: what the peer told about itself, and the acknowledgements that it is owed. */
export class ConnectionControl {
  settingsSeen = false;
  /** Whether the peer is one of us (see SETTING.FAITHFUL_HTTP1). */
  faithful = false;
  maxStreams = Number.POSITIVE_INFINITY;
  /** Whether the peer takes extended CONNECT (RFC 8441). */
  takesUpgrades = false;
  private unreadAcks = 0;

  constructor(
    private readonly owner: ControlOwner,
    private readonly parts: ControlParts,
  ) {}

  /** @throws ConnectionError */
  onSettingsFrame(bytes: Buffer, start: number, end: number): void {
    this.parts.guard.onNuisance('inbound_settings_flood');
    readSettings(bytes, start, end, (setting, value) => this.apply(setting, value));
    this.acknowledge(FRAME.SETTINGS, NOTHING, 0, 0);
    this.settingsSeen = true;
    this.owner.onSettings();
    this.parts.sender.pump();
  }

  /** @throws ConnectionError */
  onPing(bytes: Buffer, start: number, end: number): void {
    this.parts.guard.onNuisance('inbound_ping_flood');
    this.acknowledge(FRAME.PING, bytes, start, end);
  }

  onPingAck(payload: Buffer): void {
    this.owner.onPingAck(payload);
  }

  sendPing(payload: Buffer): void {
    this.parts.output.frame(FRAME.PING, 0, 0, payload);
  }

  /** To be called on the socket's `drain`. */
  drained(): void {
    this.unreadAcks = 0;
  }

  private apply(id: number, value: number): void {
    const { encoder, sender } = this.parts;
    switch (id) {
      case SETTING.HEADER_TABLE_SIZE:
        encoder.setLimit(value);
        return;
      case SETTING.MAX_CONCURRENT_STREAMS:
        this.maxStreams = value;
        return;
      case SETTING.INITIAL_WINDOW_SIZE:
        sender.setInitialWindow(value, this.owner.openStreams());
        return;
      case SETTING.MAX_FRAME_SIZE:
        sender.setFrameSize(value);
        return;
      case SETTING.ENABLE_CONNECT_PROTOCOL:
        this.takesUpgrades = value === 1;
        return;
      case SETTING.FAITHFUL_HTTP1:
        this.faithful = value === 1;
        return;
    }
  }

  private acknowledge(type: number, payload: Buffer, start: number, end: number): void {
    const { output } = this.parts;
    if (output.isBlocked && ++this.unreadAcks > MAX_UNREAD_ACKS) {
      throw new ConnectionError(ERROR.ENHANCE_YOUR_CALM, 'outbound_control_flood');
    }
    output.frame(type, ACK, 0, payload, start, end);
  }
}

import { describe, expect, it } from 'vitest';
import { ManualClock } from '../../common/runtime/testing.js';
import { KeepAlive } from './keep-alive.js';
import type { KeepAliveSettings } from './options.js';

class Peer {
  readonly clock = new ManualClock();
  readonly pings: Buffer[] = [];
  silent = false;
  readonly keepAlive: KeepAlive;

  constructor(settings: Partial<KeepAliveSettings>, random = 0) {
    const all = { intervalMs: 1000, timeoutMs: 200, jitterPercent: 0, idleMs: 0, ...settings };
    this.keepAlive = new KeepAlive(all, this, this.clock, () => random);
  }

  sendPing(payload: Buffer): void {
    this.pings.push(payload);
  }

  onSilence(): void {
    this.silent = true;
  }

  answer(): void {
    this.keepAlive.onAck(this.pings.at(-1) ?? Buffer.alloc(8));
  }
}

describe('keepalive', () => {
  it('asks at every interval for as long as it is answered', () => {
    const peer = new Peer({});
    for (let i = 1; i <= 3; i++) {
      peer.clock.advance(999);
      expect(peer.pings.length).toBe(i - 1);
      peer.clock.advance(1);
      expect(peer.pings.length).toBe(i);
      peer.answer();
    }
    expect(peer.silent).toBe(false);
  });

  it('gives up after the timeout, whatever else is acknowledged', () => {
    const peer = new Peer({});
    peer.clock.advance(1000);
    peer.keepAlive.onAck(Buffer.alloc(8));
    peer.clock.advance(199);
    expect(peer.silent).toBe(false);
    peer.clock.advance(1);
    expect(peer.silent).toBe(true);
  });

  it('adds jitter', () => {
    const peer = new Peer({ jitterPercent: 50 }, 0.5);
    peer.clock.advance(1249);
    expect(peer.pings.length).toBe(0);
    peer.clock.advance(1);
    expect(peer.pings.length).toBe(1);
  });

  it('asks before a stream that follows a silence, and only then where there is no interval', () => {
    const peer = new Peer({ intervalMs: 0, idleMs: 500 });
    peer.clock.advance(60_000);
    peer.keepAlive.beforeStream(499);
    expect(peer.pings.length).toBe(0);
    peer.keepAlive.beforeStream(500);
    peer.keepAlive.beforeStream(600);
    expect(peer.pings.length).toBe(1);
    peer.clock.advance(200);
    expect(peer.silent).toBe(true);
  });

  it('stops', () => {
    const peer = new Peer({});
    peer.clock.advance(1000);
    peer.keepAlive.stop();
    peer.clock.advance(10_000);
    expect([peer.pings.length, peer.silent]).toEqual([1, false]);
  });
});

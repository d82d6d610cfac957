import type { PeerCertificate } from './peer.js';

/** A TLS session to resume, with what the full handshake proved about the peer. */
export interface CachedSession {
  readonly ticket: Buffer;
  readonly certificate: PeerCertificate | undefined;
}

/** The latest session of each destination; the longest unused ones give way. */
export class SessionCache {
  private readonly sessions = new Map<string, CachedSession>();

  constructor(private readonly capacity: number) {}

  get(key: string): CachedSession | undefined {
    const session = this.sessions.get(key);
    if (session !== undefined) this.touch(key, session);
    return session;
  }

  set(key: string, session: CachedSession): void {
    this.touch(key, session);
    if (this.sessions.size <= this.capacity) return;
    const oldest = this.sessions.keys().next();
    if (!oldest.done) this.sessions.delete(oldest.value);
  }

  clear(): void {
    this.sessions.clear();
  }

  private touch(key: string, session: CachedSession): void {
    this.sessions.delete(key);
    this.sessions.set(key, session);
  }
}

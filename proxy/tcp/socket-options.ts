import { createRequire } from 'node:module';
import type { Server, Socket } from 'node:net';

/** libc's calls on a file descriptor. */
export interface SocketOptions {
  /** Fills the buffer; the number of bytes, or a negative errno. */
  get(fd: number, level: number, option: number, value: Buffer): number;
  /** 0, or a negative errno. */
  set(fd: number, level: number, option: number, value: Buffer): number;
}

/** Node has neither call, so libc's are. Throws when the library for that cannot be loaded; it is loaded here only. */
export function loadSocketOptions(): SocketOptions {
  const koffi = createRequire(import.meta.url)('koffi') as typeof import('koffi');
  const libc = koffi.load(null);
  const getsockopt = libc.func('int getsockopt(int, int, int, _Out_ uint8_t *, _Inout_ uint32_t *)');
  const setsockopt = libc.func('int setsockopt(int, int, int, uint8_t *, uint32_t)');
  return {
    get(fd, level, option, value) {
      const length: [number] = [value.length];
      return getsockopt(fd, level, option, value, length) === 0 ? length[0] : -koffi.errno();
    },
    set: (fd, level, option, value) => (setsockopt(fd, level, option, value, value.length) === 0 ? 0 : -koffi.errno()),
  };
}

/** Undefined before there is one, and after its end. */
export function descriptorOf(owner: Socket | Server): number | undefined {
  const { _handle: handle } = owner as (Socket | Server) & { readonly _handle?: { readonly fd?: number } | null };
  const fd = handle?.fd;
  return fd === undefined || fd < 0 ? undefined : fd;
}

/** The value of an option that is a C int. */
export function int(value: number): Buffer {
  const buffer = Buffer.alloc(4);
  buffer.writeInt32LE(value);
  return buffer;
}

/** Whether an address is that of a Unix socket: its path, or an abstract name behind `@`. */
export function isSocketPath(address: string): boolean {
  return address.startsWith('/') || address.startsWith('@');
}

/** What Node's `connect` and `listen` need to find an IP address with a port, or a Unix socket, whose port means nothing. */
export function addressOptions({
  ip,
  port,
}: {
  readonly ip: string;
  readonly port: number;
}): { host: string; port: number } | { path: string } {
  if (!isSocketPath(ip)) return { host: ip, port };
  return { path: ip.startsWith('@') ? `\0${ip.slice(1)}` : ip };
}

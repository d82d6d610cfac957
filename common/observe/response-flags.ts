/** What a response flag means, in plain words. */
export interface FlagMeaning {
  readonly title: string;
  /** What usually causes it, and where to look. */
  readonly cause: string;
  /** Whether it was wanted by a configuration, rather than being a fault. */
  readonly intended?: true;
}

/** All of Envoy's response flags, and its long names' short ones, as access logs, metrics and failures show them. */
export const RESPONSE_FLAGS: Readonly<Record<string, FlagMeaning>> = {
  UH: {
    title: 'No healthy host',
    cause:
      'The service has no endpoint that may be used: no pod is ready, the subset’s labels match nobody, or all hosts are ejected or fail their health checks.',
  },
  UF: {
    title: 'The connection to the server failed',
    cause:
      'Nobody listens at the address, the network drops packets, or the TLS handshake was refused: mTLS on one side only, or a certificate that the other does not accept.',
  },
  UC: {
    title: 'The server closed the connection',
    cause:
      'The application crashed, was restarted, or closes idle connections earlier than its clients expect. Its own log knows more.',
  },
  UO: {
    title: 'A circuit breaker was open',
    cause:
      'More connections or requests at once than connectionPool of the DestinationRule allows: the server is too slow for its load, or the limit is too low.',
    intended: true,
  },
  UT: {
    title: 'The server was too slow',
    cause: 'No complete answer within the route’s timeout (`timeout` or `perTryTimeout` of the VirtualService).',
  },
  UR: { title: 'The server reset the request', cause: 'The application broke the stream off, or its proxy did.' },
  URX: {
    title: 'Every attempt failed',
    cause:
      'The retry limit was reached, or a TCP connection could not be made in as many attempts as are allowed. Another flag says why the last one failed; without one, the server itself gave this answer each time.',
  },
  NR: {
    title: 'No route',
    cause:
      'No VirtualService or service matches the host, path and headers, or no filter chain matches the connection: look for a typing error in hosts, or a match that is too narrow.',
  },
  NC: {
    title: 'The route leads to an unknown cluster',
    cause:
      'A subset or host is named that no DestinationRule or service defines, or this proxy may not see it (exportTo, Sidecar).',
  },
  DC: {
    title: 'The client went away',
    cause:
      'The caller closed the connection before the answer was complete: its timeout is shorter, or somebody pressed stop.',
  },
  DI: { title: 'A delay was injected', cause: 'A VirtualService asks for it (fault.delay).', intended: true },
  FI: { title: 'A failure was injected', cause: 'A VirtualService asks for it (fault.abort).', intended: true },
  RL: { title: 'Over the rate limit', cause: 'A local rate limit of this proxy refused the request.', intended: true },
  RLSE: {
    title: 'The rate limit service failed',
    cause:
      'The service that counts requests could not be asked, and the configuration refuses what it cannot ask about.',
  },
  UAEX: {
    title: 'The authorizer refused it',
    cause: 'An external authorizer (AuthorizationPolicy, CUSTOM) said no, or could not be asked.',
    intended: true,
  },
  RBAC: {
    title: 'An authorization policy refused it',
    cause:
      'No ALLOW rule matches the caller’s identity, path or method, or a DENY rule does. `weft authz` and “Explain” say which one.',
    intended: true,
  },
  LH: {
    title: 'The local service failed its health check',
    cause: 'The health check filter has marked this host as unhealthy.',
  },
  LR: {
    title: 'This proxy reset the connection',
    cause: 'A limit of the connection or a fault of the protocol was met on this side.',
  },
  SI: {
    title: 'Idle for too long',
    cause: 'Nothing was sent for the stream’s idle timeout: a stuck application, or a long poll.',
  },
  IH: { title: 'A header is not valid', cause: 'A header that must have a certain form has not; the details name it.' },
  DPE: {
    title: 'The client sent no valid HTTP',
    cause:
      'Its request breaks the protocol, or it speaks another one on this port: check the port’s name and appProtocol.',
  },
  UPE: {
    title: 'The server sent no valid HTTP',
    cause:
      'Its answer breaks the protocol, or it speaks another one (HTTP/1 where HTTP/2 was expected): check the port’s name and appProtocol.',
  },
  UMSDR: { title: 'Longer than a stream may live', cause: 'The maximum duration of streams was reached.' },
  DT: { title: 'Longer than a connection may live', cause: 'The maximum duration of connections was reached.' },
  NFCF: { title: 'No filter configuration yet', cause: 'A filter waits for its configuration from the control plane.' },
  OM: { title: 'Overloaded', cause: 'The proxy is near its memory limit and refuses requests.' },
  DF: { title: 'The name could not be resolved', cause: 'DNS does not know the host, or does not answer.' },
  DO: {
    title: 'Dropped for overload',
    cause: 'The endpoints ask clients to drop a share of the requests (drop_overload).',
    intended: true,
  },
};

/** The flags of one failure (`URX,UF`), with what they mean; unknown ones are left out. `-` has none. */
export function explainFlags(flags: string): readonly (FlagMeaning & { readonly flag: string })[] {
  return flags.split(',').flatMap((flag) => {
    const meaning = RESPONSE_FLAGS[flag.trim()];
    return meaning === undefined ? [] : [{ flag: flag.trim(), ...meaning }];
  });
}

/** The flag that a failure has in all but name: Envoy tells an RBAC denial only by its details. */
export function impliedFlags(flags: string, details: string): string {
  if (/^rbac_access_denied/.test(details)) return flags === '-' || flags === '' ? 'RBAC' : `${flags},RBAC`;
  return flags;
}

import type { Span } from './span.js';

export interface ZipkinEndpoint {
  readonly serviceName: string;
  /** Address of this workload; empty when it is not known. */
  readonly ip: string;
}

/** A batch as Zipkin's JSON, version 2 (POST /api/v2/spans). Times there are microseconds. */
export function zipkinJson(batch: readonly Span[], { serviceName, ip }: ZipkinEndpoint): Buffer {
  const localEndpoint = { serviceName, ...(ip !== '' && { [ip.includes(':') ? 'ipv6' : 'ipv4']: ip }) };
  return Buffer.from(
    JSON.stringify(
      batch.map(({ context, parentId, name, kind, start, end, error, tags }) => ({
        id: context.spanId,
        traceId: context.traceId,
        ...(parentId !== '' && { parentId }),
        name,
        kind: kind === 'client' ? 'CLIENT' : 'SERVER',
        timestamp: Math.round(start * 1000),
        // Zipkin takes a zero for unknown.
        duration: Math.max(1, Math.round((end - start) * 1000)),
        localEndpoint,
        tags: Object.fromEntries(error ? [...tags, ['error', 'true']] : tags),
      })),
    ),
  );
}

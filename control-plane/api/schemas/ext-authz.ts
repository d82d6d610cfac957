import type { ExtAuthzGrpcProvider, ExtAuthzHttpProvider } from '../kinds/extension-provider.js';
import { deprecated, object, required } from '../schema/object.js';
import { bool, duration, port, string, uint32 } from '../schema/scalars.js';
import { list, map, refine, type Schema } from '../schema/schema.js';
import { nonEmpty, text } from './shared.js';

const headerNames = list(
  refine(nonEmpty, (value, path, report) => {
    if (value === '*') report.error(path, '"*" alone is not supported: use a prefix or a suffix');
  }),
);

/** Statuses that Envoy has names for. */
const STATUS = /^(?:100|20[0-8]|226|30[0-578]|40\d|41[0-7]|42[1-4689]|431|50[0-8]|51[01])$/;
const statusOnError = string({ min: 1, pattern: STATUS, shape: 'an HTTP status that Envoy knows, in quotes' });

const common = {
  service: required(nonEmpty),
  port: required(port),
  timeout: duration,
  failOpen: bool,
  clearRouteCache: bool,
  statusOnError,
  includeRequestBodyInCheck: object<NonNullable<ExtAuthzGrpcProvider['includeRequestBodyInCheck']>>({
    maxRequestBytes: uint32,
    allowPartialMessage: bool,
    packAsBytes: bool,
  }),
} as const;

/** MeshConfig.extensionProviders[].envoyExtAuthzGrpc. */
export const extAuthzGrpc: Schema<ExtAuthzGrpcProvider> = object<ExtAuthzGrpcProvider>(common);

/** MeshConfig.extensionProviders[].envoyExtAuthzHttp. */
export const extAuthzHttp: Schema<ExtAuthzHttpProvider> = object<ExtAuthzHttpProvider>({
  ...common,
  pathPrefix: string({ pattern: /^\//, shape: 'a path that begins with /' }),
  includeHeadersInCheck: deprecated(headerNames, 'use includeRequestHeadersInCheck'),
  includeRequestHeadersInCheck: headerNames,
  includeAdditionalHeadersInCheck: map(text),
  headersToUpstreamOnAllow: headerNames,
  headersToDownstreamOnDeny: headerNames,
  headersToDownstreamOnAllow: headerNames,
});

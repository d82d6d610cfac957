import type { ResourceTypeUrl } from '../../common/xds/type-urls.js';

/** What one proxy is to have: for every type, messages (snake_case objects of proto/gen) by resource name. */
export type ProxyResources = ReadonlyMap<ResourceTypeUrl, ReadonlyMap<string, object>>;

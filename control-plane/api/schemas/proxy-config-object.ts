import type { ProxyConfigSpec } from '../kinds/proxy-config.js';
import { object, unsupported } from '../schema/object.js';
import { count32, string } from '../schema/scalars.js';
import { map, type Schema } from '../schema/schema.js';
import { matchLabels, text } from './shared.js';

/** ProxyConfig (networking.istio.io), the object; the mesh's defaults are `proxyConfig`. */
export const proxyConfigObject: Schema<ProxyConfigSpec> = object<ProxyConfigSpec>({
  selector: matchLabels,
  concurrency: unsupported(count32, 'a sidecar has one event loop'),
  environmentVariables: map(string({ max: 2_048 })),
  image: object<NonNullable<ProxyConfigSpec['image']>>({ imageType: unsupported(text, 'there is one image') }),
});

import { http1Relay } from './http1/relay-target.js';
import { http1Requests, http1Responses } from './http1/targets.js';
import { hpack } from './http2/hpack-target.js';
import { http2Node } from './http2/node-target.js';
import { http2Requests, http2Responses } from './http2/targets.js';
import type { Target } from './target.js';
import { nginx, wholeProxy } from './through/targets.js';

export const TARGETS: readonly Target[] = [
  http1Requests,
  http1Responses,
  http1Relay,
  hpack,
  http2Requests,
  http2Responses,
  http2Node,
  wholeProxy,
  nginx,
];

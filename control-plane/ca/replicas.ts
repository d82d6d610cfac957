import { joinAddress } from '../../common/runtime/address.js';
import type { KubernetesApi } from '../kubernetes/api.js';
import type { Rotation } from './root-state.js';
import type { Laggards } from './trust-view.js';

interface SliceList {
  readonly items?: readonly {
    readonly endpoints?: readonly {
      readonly addresses?: readonly string[];
      readonly targetRef?: { readonly name?: string };
    }[];
  }[];
}

export interface ReplicasOptions {
  readonly api: KubernetesApi;
  readonly namespace: string;
  /** This replica's, which is not asked. */
  readonly podName: string;
  /** Every replica has the same. */
  readonly debugPort: number;
  /** GETs a URL; rejects unless the answer is 200. */
  readonly get: (url: string) => Promise<string>;
}

/** Path of the page on which a replica says who of its proxies is not ready for the next step. */
export const LAGGARDS_PATH = '/debug/ca/laggards';

/** What the other replicas behind our Service say. Rejects when one of them does not answer: its proxies may be behind. */
export async function otherLaggards(
  options: ReplicasOptions,
  { step, stepSince }: Rotation,
  issuer: string,
): Promise<readonly Laggards[]> {
  const { api, namespace, podName, debugPort, get } = options;
  const list = await api.request<SliceList>({
    method: 'GET',
    path: `/apis/discovery.k8s.io/v1/namespaces/${namespace}/endpointslices`,
    query: { labelSelector: 'kubernetes.io/service-name=weft-control-plane' },
  });
  const endpoints = (list.items ?? []).flatMap((slice) => slice.endpoints ?? []);
  const others = endpoints.filter(({ targetRef }) => targetRef?.name !== podName);
  const addresses = new Set(others.flatMap(({ addresses: [first] = [] }) => (first === undefined ? [] : [first])));
  const query = new URLSearchParams({ step, since: String(stepSince), issuer }).toString();
  return Promise.all(
    [...addresses].map(
      async (address) =>
        JSON.parse(await get(`http://${joinAddress(address, debugPort)}${LAGGARDS_PATH}?${query}`)) as Laggards,
    ),
  );
}

/** The question of a leader as a replica reads it; undefined when it is none. */
export function readQuestion(
  query: URLSearchParams,
): { readonly rotation: Pick<Rotation, 'step' | 'stepSince'>; readonly issuer: string } | undefined {
  const step = query.get('step');
  const stepSince = Number(query.get('since'));
  const issuer = query.get('issuer') ?? '';
  if ((step !== 'trust' && step !== 'sign') || !Number.isFinite(stepSince) || issuer === '') return undefined;
  return { rotation: { step, stepSince }, issuer };
}

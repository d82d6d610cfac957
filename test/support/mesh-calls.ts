import { type ChannelCredentials, Client, credentials, Metadata, type ServiceError } from '@grpc/grpc-js';
import { createCsr } from '../../common/identity/csr.js';
import { createKeyPair } from '../../common/identity/keys.js';
import { toStruct } from '../../common/xds/struct.js';
import { TYPE } from '../../common/xds/type-urls.js';
import { CA_SERVICE } from '../../control-plane/ca/service.js';
import { ADS_SERVICE, type DeltaDiscoveryResponse, type DeltaRequest } from '../../control-plane/xds/service.js';

export interface Caller {
  readonly address: string;
  /** PEM that the server's certificate must lead to. */
  readonly roots: string;
  readonly token: string | undefined;
  /** Name that the server's certificate must have. */
  readonly serverName?: string;
}

function connect({ address, roots, token, serverName }: Caller): { client: Client; metadata: Metadata } {
  const channel: ChannelCredentials = credentials.createSsl(Buffer.from(roots));
  const client = new Client(address, channel, {
    'grpc.ssl_target_name_override': serverName ?? 'weft-control-plane.istio-system.svc',
    'grpc.use_local_subchannel_pool': 1,
  });
  const metadata = new Metadata();
  if (token !== undefined) metadata.set('authorization', `Bearer ${token}`);
  return { client, metadata };
}

/** One CreateCertificate: the chain. Rejects with gRPC's error. */
export async function requestCertificate(caller: Caller, uri: string): Promise<readonly string[]> {
  const { client, metadata } = connect(caller);
  const csr = createCsr({ ...(await createKeyPair()), uri });
  const { path, requestSerialize, responseDeserialize } = CA_SERVICE.CreateCertificate;
  try {
    return await new Promise((resolve, reject) => {
      const deadline = Date.now() + 10_000;
      client.makeUnaryRequest(
        path,
        requestSerialize,
        responseDeserialize,
        { csr },
        metadata,
        { deadline },
        (error, answer) => (error === null ? resolve(answer?.cert_chain ?? []) : reject(error)),
      );
    });
  } finally {
    client.close();
  }
}

export interface AdsProbe {
  /** Names of all clusters that came so far. */
  readonly clusters: ReadonlySet<string>;
  /** How many responses came so far. */
  readonly responses: () => number;
  /** Resolves with gRPC's error when the stream ends. */
  readonly ended: Promise<ServiceError>;
  close(): void;
}

/** A delta stream that subscribes to all clusters as a node of the given pod, and acknowledges everything. */
export function openAds(
  caller: Caller,
  node: { readonly pod: string; readonly namespace: string; readonly account: string },
): AdsProbe {
  const { client, metadata } = connect(caller);
  const { path, requestSerialize, responseDeserialize } = ADS_SERVICE.DeltaAggregatedResources;
  const call = client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize, metadata);
  const clusters = new Set<string>();
  let responses = 0;
  const ended = new Promise<ServiceError>((resolve) => call.on('error', resolve));
  call.on('data', (response: DeltaDiscoveryResponse) => {
    responses++;
    for (const { name = '' } of response.resources ?? []) clusters.add(name);
    for (const name of response.removed_resources ?? []) clusters.delete(name);
    const answer: DeltaRequest = { type_url: response.type_url ?? '', response_nonce: response.nonce ?? '' };
    call.write(answer);
  });
  const { pod, namespace, account } = node;
  const message = {
    id: `sidecar~10.0.0.1~${pod}.${namespace}~${namespace}.svc.cluster.local`,
    user_agent_name: 'weft',
    metadata: toStruct({ NAMESPACE: namespace, WORKLOAD_NAME: 'a-deployment', SERVICE_ACCOUNT: account }),
  };
  call.write({ node: message, type_url: TYPE.cluster } as DeltaRequest);
  return {
    clusters,
    responses: () => responses,
    ended,
    close: () => {
      call.cancel();
      client.close();
    },
  };
}

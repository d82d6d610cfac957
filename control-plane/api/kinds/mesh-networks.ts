/** MeshNetworks: key `meshNetworks` of the ConfigMap `istio`. */
export interface MeshNetworksSpec {
  readonly networks: Readonly<Record<string, MeshNetwork>>;
}

export interface MeshNetwork {
  /** What is in the network, besides what says so itself. */
  readonly endpoints?: readonly { readonly fromCidr?: string; readonly fromRegistry?: string }[];
  readonly gateways?: readonly NetworkGateway[];
}

/** How the network is reached from others: by an address, or the addresses of a Service. */
export interface NetworkGateway {
  readonly registryServiceName?: string;
  readonly address?: string;
  readonly port: number;
  readonly locality?: string;
}

import type { MeshNetwork, MeshNetworksSpec, NetworkGateway } from '../kinds/mesh-networks.js';
import { object, required, unsupported } from '../schema/object.js';
import { port } from '../schema/scalars.js';
import { list, map, type Schema } from '../schema/schema.js';
import { nonEmpty, text } from './shared.js';

const gateway: Schema<NetworkGateway> = object<NetworkGateway>(
  {
    registryServiceName: nonEmpty,
    address: nonEmpty,
    port: required(port),
    locality: unsupported(text, 'gateways of a network are used alike'),
  },
  { exactlyOne: [['registryServiceName', 'address']] },
);

const network: Schema<MeshNetwork> = object<MeshNetwork>({
  endpoints: list(
    object<NonNullable<MeshNetwork['endpoints']>[number]>({
      fromCidr: nonEmpty,
      fromRegistry: unsupported(nonEmpty, 'there is one registry, whose network the label of its namespace names'),
    }),
  ),
  gateways: list(gateway),
});

/** MeshNetworks (istio.mesh.v1alpha1). */
export const meshNetworks: Schema<MeshNetworksSpec> = object<MeshNetworksSpec>({ networks: required(map(network)) });

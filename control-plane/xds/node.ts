import { isIP } from 'node:net';
import { fromStruct, type Json, type StructMessage } from '../../common/xds/struct.js';
import type { ProxyNode } from '../model/proxy-node.js';
import { registeredName } from '../model/registered-entry.js';

/** What we read of envoy.config.core.v3.Node. */
export interface NodeMessage {
  readonly id?: string;
  readonly metadata?: StructMessage;
  readonly locality?: { readonly region?: string; readonly zone?: string; readonly sub_zone?: string } | null;
  readonly user_agent_name?: string;
  readonly user_agent_version?: string;
}

/**
 * The proxy that a node message describes. Namespace and workload come from Istio's node ID
 * (`sidecar~ADDRESS~NAME.NAMESPACE~DOMAIN`), whose name is the pod's, or from the metadata, whose WORKLOAD_NAME may be that of
 * a Deployment. Throws an Error when they cannot be told.
 */
export function readNode(node: NodeMessage): ProxyNode {
  const metadata = node.metadata === undefined ? {} : fromStruct(node.metadata);
  const id = node.id ?? '';
  const [role, own = '', instance = ''] = id.split('~');
  const dot = instance.lastIndexOf('.');
  const namespace = (dot < 0 ? '' : instance.slice(dot + 1)) || text(metadata['NAMESPACE']);
  const named = (dot < 0 ? '' : instance.slice(0, dot)) || text(metadata['WORKLOAD_NAME']);
  const addresses = addressesOf(text(metadata['INSTANCE_IPS']));
  const group = text(metadata['AUTO_REGISTER_GROUP']);
  const address = addresses.addresses?.[0] ?? own;
  const workload = group === '' ? named : registeredName(group, address, text(metadata['NETWORK']));
  if (id === '' || namespace === '' || workload === '') {
    throw new Error('the node needs an id, and NAMESPACE and WORKLOAD_NAME in its metadata');
  }
  return {
    id,
    role: role === 'router' ? 'router' : 'sidecar',
    ...(group === '' ? addresses : { addresses: [address], group }),
    ...versionOf(text(metadata['ISTIO_VERSION']) || (node.user_agent_version ?? '')),
    namespace,
    workload,
    serviceAccount: text(metadata['SERVICE_ACCOUNT']) || 'default',
    labels: textMembers(metadata['LABELS']),
    metadata: textMembers(metadata),
    ...localityOf(node.locality),
    ...(isTrue(metadata['DNS_CAPTURE']) && { dnsCapture: true }),
    dataPlane: dataPlaneOf(node.user_agent_name ?? '', text(metadata['GENERATOR'])),
  };
}

function addressesOf(list: string): { readonly addresses?: readonly string[] } {
  const addresses = list.split(',').filter((address) => isIP(address) !== 0);
  return addresses.length === 0 ? {} : { addresses };
}

function versionOf(version: string): { readonly version?: string } {
  return version === '' ? {} : { version };
}

function localityOf(locality: NodeMessage['locality']): { readonly locality?: string } {
  const { region = '', zone = '', sub_zone = '' } = locality ?? {};
  return region === '' ? {} : { locality: `${region}/${zone}/${sub_zone}` };
}

function dataPlaneOf(userAgent: string, generator: string): ProxyNode['dataPlane'] {
  if (userAgent === 'weft') return 'weft';
  return userAgent.startsWith('gRPC') || generator === 'grpc' ? 'grpc' : 'envoy';
}

function isTrue(json: Json | undefined): boolean {
  return json === true || json === 'true';
}

function text(json: Json | undefined): string {
  return typeof json === 'string' ? json : '';
}

function textMembers(json: Json | undefined): Record<string, string> {
  if (typeof json !== 'object' || json === null || Array.isArray(json)) return {};
  return Object.fromEntries(
    Object.entries(json).filter((entry): entry is [string, string] => typeof entry[1] === 'string'),
  );
}

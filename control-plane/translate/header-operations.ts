import type { HeaderValueOption } from '../../proto/gen/envoy/config/core/v3/HeaderValueOption.js';
import type { HeaderOperations, Headers } from '../api/kinds/virtual-service.js';
import { substitutionFormat } from './substitution.js';

/** The four header fields that Route and WeightedCluster.ClusterWeight share. */
export interface HeaderFields {
  readonly request_headers_to_add?: HeaderValueOption[];
  readonly request_headers_to_remove?: string[];
  readonly response_headers_to_add?: HeaderValueOption[];
  readonly response_headers_to_remove?: string[];
}

export function headerFields(headers: Headers | undefined): HeaderFields {
  const requestAdd = additions(headers?.request);
  const responseAdd = additions(headers?.response);
  const requestRemove = (headers?.request?.remove ?? []).filter(isField);
  const responseRemove = (headers?.response?.remove ?? []).filter(isField);
  return {
    ...(requestAdd.length > 0 && { request_headers_to_add: requestAdd }),
    ...(requestRemove.length > 0 && { request_headers_to_remove: requestRemove }),
    ...(responseAdd.length > 0 && { response_headers_to_add: responseAdd }),
    ...(responseRemove.length > 0 && { response_headers_to_remove: responseRemove }),
  };
}

/** The authority that a set operation on `host` or `:authority` asks for: Envoy rewrites it by its own field. */
export function authorityOf(headers: Headers | undefined): string | undefined {
  const { set = {}, add = {} } = headers?.request ?? {};
  return [...Object.entries(set), ...Object.entries(add)].find(([name]) => isAuthority(name))?.[1];
}

function additions(operations: HeaderOperations | undefined): HeaderValueOption[] {
  const of = (map: Readonly<Record<string, string>> | undefined, action: HeaderValueOption['append_action']) =>
    Object.entries(map ?? {})
      .filter(([name]) => isField(name))
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, value]) => ({
        header: { key, value: substitutionFormat(value) },
        ...(action !== undefined && { append_action: action }),
      }));
  return [...of(operations?.set, 'OVERWRITE_IF_EXISTS_OR_ADD'), ...of(operations?.add, 'APPEND_IF_EXISTS_OR_ADD')];
}

/** Envoy refuses operations on what is no field of the header. */
function isField(name: string): boolean {
  return !name.startsWith(':') && name.toLowerCase() !== 'host';
}

function isAuthority(name: string): boolean {
  const lower = name.toLowerCase();
  return lower === 'host' || lower === ':authority';
}

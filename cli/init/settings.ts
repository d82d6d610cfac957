import { isIP } from 'node:net';

export type Family = 'v4' | 'v6';

/** Every value, or the ones in the list; an empty list is none. */
export type Selection = 'all' | readonly string[];

/** What is captured in a pod's network namespace, and what is left alone. */
export interface CaptureSettings {
  readonly outboundPort: number;
  readonly inboundPort: number;
  /** Whose own traffic is never captured. */
  readonly proxyUids: readonly string[];
  readonly proxyGids: readonly string[];
  readonly mode: 'REDIRECT' | 'TPROXY';
  readonly tproxyMark: number;
  readonly tproxyTable: number;
  readonly inboundPorts: Selection;
  readonly inboundPortsExcluded: readonly string[];
  readonly outboundRanges: Selection;
  readonly outboundRangesExcluded: readonly string[];
  /** Captured whatever the ranges say. */
  readonly outboundPorts: readonly string[];
  readonly outboundPortsExcluded: readonly string[];
  /** Interfaces whose traffic is left alone. */
  readonly interfacesExcluded: readonly string[];
  /** Interfaces of virtual machines: what comes in on them is outbound. */
  readonly virtualInterfaces: readonly string[];
  /** undefined leaves DNS alone; an empty list captures what goes to any name server. */
  readonly dns: { readonly port: number; readonly servers: Selection } | undefined;
}

/** Flags of `weft init` as they are typed. */
export interface InitFlags {
  readonly envoyPort: string;
  readonly inboundCapturePort: string;
  readonly proxyUid: string;
  readonly proxyGid: string;
  readonly istioInboundInterceptionMode: string;
  readonly istioInboundTproxyMark: string;
  readonly istioInboundTproxyRouteTable: string;
  readonly istioInboundPorts: string;
  readonly istioLocalExcludePorts: string;
  readonly istioServiceCidr: string;
  readonly istioServiceExcludeCidr: string;
  readonly istioOutboundPorts: string;
  readonly istioLocalOutboundPortsExclude: string;
  readonly istioExcludeInterfaces: string;
  readonly kubeVirtInterfaces: string;
  readonly redirectDns?: boolean;
  readonly captureAllDns?: boolean;
}

/** Port of the sidecar's DNS server. */
const DNS_PORT = 15053;

/** The settings that the flags ask for, or all that is wrong with them. */
export function readFlags(
  flags: InitFlags,
  nameServers: readonly string[],
): { readonly settings: CaptureSettings } | { readonly errors: readonly string[] } {
  const errors: string[] = [];
  const number = (flag: string, text: string, most: number): number => {
    const value = Number(text);
    if (!/^\d+$/.test(text) || value < 1 || value > most)
      errors.push(`${flag}: '${text}' is not a number up to ${most}`);
    return value;
  };
  const ports = (flag: string, text: string): string[] => {
    const found = list(text);
    for (const port of found) number(flag, port, 65_535);
    return found;
  };
  const ranges = (flag: string, text: string): string[] => {
    const found = list(text);
    for (const range of found) if (!isRange(range)) errors.push(`${flag}: '${range}' is not an address block`);
    return found;
  };
  const names = (flag: string, text: string): string[] => {
    const found = list(text);
    for (const name of found)
      if (!/^[A-Za-z0-9_.+-]{1,15}$/.test(name)) errors.push(`${flag}: '${name}' is no interface`);
    return found;
  };
  const owners = (flag: string, text: string): string[] => {
    const found = list(text);
    for (const owner of found) if (!/^\d+$/.test(owner)) errors.push(`${flag}: '${owner}' is not a number`);
    return found;
  };
  const mode = flags.istioInboundInterceptionMode;
  if (mode !== 'REDIRECT' && mode !== 'TPROXY') errors.push(`-m: '${mode}' is neither REDIRECT nor TPROXY`);
  const settings: CaptureSettings = {
    outboundPort: number('-p', flags.envoyPort, 65_535),
    inboundPort: number('-z', flags.inboundCapturePort, 65_535),
    proxyUids: owners('-u', flags.proxyUid),
    proxyGids: owners('-g', flags.proxyGid),
    mode: mode === 'TPROXY' ? 'TPROXY' : 'REDIRECT',
    tproxyMark: number('-t', flags.istioInboundTproxyMark, 0x7fff_ffff),
    tproxyTable: number('-r', flags.istioInboundTproxyRouteTable, 0x7fff_ffff),
    inboundPorts: flags.istioInboundPorts === '*' ? 'all' : ports('-b', flags.istioInboundPorts),
    inboundPortsExcluded: ports('-d', flags.istioLocalExcludePorts),
    outboundRanges: flags.istioServiceCidr === '*' ? 'all' : ranges('-i', flags.istioServiceCidr),
    outboundRangesExcluded: ranges('-x', flags.istioServiceExcludeCidr),
    outboundPorts: ports('-q', flags.istioOutboundPorts),
    outboundPortsExcluded: ports('-o', flags.istioLocalOutboundPortsExclude),
    interfacesExcluded: names('-c', flags.istioExcludeInterfaces),
    virtualInterfaces: names('-k', flags.kubeVirtInterfaces),
    dns:
      flags.redirectDns === true || flags.captureAllDns === true
        ? { port: DNS_PORT, servers: flags.captureAllDns === true ? 'all' : nameServers.filter((ip) => isIP(ip) !== 0) }
        : undefined,
  };
  if (settings.proxyUids.length === 0)
    errors.push("-u: without the proxy's user its own traffic would come back to it");
  return errors.length > 0 ? { errors } : { settings };
}

function list(text: string): string[] {
  return text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '');
}

function isRange(text: string): boolean {
  const [ip = '', prefix = '', rest] = text.split('/');
  const family = isIP(ip);
  return family !== 0 && rest === undefined && /^\d{1,3}$/.test(prefix) && Number(prefix) <= (family === 4 ? 32 : 128);
}

/** Whether an address or block is of a family. */
export function isOf(family: Family, range: string): boolean {
  return isIP(range.split('/', 1)[0] ?? '') === (family === 'v4' ? 4 : 6);
}

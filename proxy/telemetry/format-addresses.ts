import { isIPv6 } from 'node:net';
import type { StreamInfo } from '../http/stream-info.js';
import type { Factory } from './format-operators.js';

/** An address without its port, or the network of a length of prefix that it belongs to. */
export function withoutPort(operator: string, of: (info: StreamInfo) => string | undefined): Factory {
  return (argument) => {
    if (argument === undefined || argument === '') return ({ info }) => of(info);
    if (!/^\d{1,3}$/.test(argument) || Number(argument) > 128) {
      throw new Error(`format: %${operator}% takes the length of a prefix, not ${argument}`);
    }
    const bits = Number(argument);
    return ({ info }) => {
      const address = of(info);
      return address === undefined ? undefined : network(address, bits);
    };
  };
}

/** undefined where the prefix is longer than the address. */
export function network(address: string, bits: number): string | undefined {
  if (isIPv6(address)) return `${maskedV6(address, bits)}/${bits}`;
  if (bits > 32) return undefined;
  const parts = address.split('.').map((part, index) => Number(part) & mask(bits - index * 8, 8));
  return `${parts.join('.')}/${bits}`;
}

/** The upper `bits` of a number of `width` bits. */
function mask(bits: number, width: number): number {
  const ones = Math.min(width, Math.max(0, bits));
  return (2 ** ones - 1) * 2 ** (width - ones);
}

function maskedV6(address: string, bits: number): string {
  const [head = '', tail] = shortest(address).split('::');
  const groups = (part: string): string[] => (part === '' ? [] : part.split(':'));
  const rest = tail === undefined ? [] : groups(tail);
  const front = groups(head);
  const all = [...front, ...Array<string>(8 - front.length - rest.length).fill('0'), ...rest];
  const masked = all.map((group, index) => (parseInt(group, 16) & mask(bits - index * 16, 16)).toString(16));
  return shortest(masked.join(':'));
}

/** As RFC 5952 has it, also where the end is written as IPv4. */
function shortest(address: string): string {
  return new URL(`http://[${address}]`).hostname.slice(1, -1);
}

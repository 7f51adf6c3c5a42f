import { createHmac } from 'node:crypto';
import { normalizeIpAddress } from './client-details.js';

/** Which form of a client's address is kept: the option `ipAddresses` of `SessionModule`. */
export type IpAddressMode = 'full' | 'truncated' | 'hashed' | 'none';

/** Converts an address to the form that is kept; `null` when nothing is kept or it is not an address. */
export type IpAddressForm = (address: string | null | undefined) => string | null;

const HASH_LABEL = 'nest-sessions ip address\0';
/** Digits of a unique local address after its first 8 bits, `fd`. */
const HASH_HEX_DIGITS = 30;
const SIX_TO_FOUR = 0x2002;

/**
 * Creates the function that every client address passes before it is stored, logged or emitted.
 *
 * IPv4-mapped IPv6 addresses are treated as IPv4. Every result is an address itself, so any store can hold it in place of a
 * full one. Applying `full`, `truncated` or `none` again changes nothing.
 *
 * @param key - For `hashed`: at least 32 bytes.
 */
export function createIpAddressForm(mode: IpAddressMode, key: string | Uint8Array = ''): IpAddressForm {
  const reduce = { full: keep, truncated: truncate, hashed: (address: string) => hash(address, key), none: drop }[mode];
  return (address) => {
    const normalized = normalizeIpAddress(address);
    return normalized === null ? null : reduce(normalized);
  };
}

const keep = (address: string): string => address;
const drop = (): null => null;

/** Keeps the network: 24 bits of IPv4, 48 of IPv6. A 6to4 address holds an IPv4 address in bits 16 to 48: 24 stay. */
function truncate(address: string): string {
  if (!address.includes(':')) return address.replace(/\d+$/, '0');
  const [first = 0, second = 0, third = 0] = groupsOf(address);
  const network = [first, second, first === SIX_TO_FOUR ? third & 0xff00 : third];
  return normalizeIpAddress(`${network.map((group) => group.toString(16)).join(':')}::`) ?? '';
}

/**
 * Returns a pseudonym in `fd00::/8`, a range that no client on the internet has: 120 bits of HMAC-SHA-256. Equal addresses
 * stay equal under one key. Without the key the few addresses of IPv4 cannot be tried out.
 */
function hash(address: string, key: string | Uint8Array): string {
  const digest = createHmac('sha256', key).update(HASH_LABEL).update(address).digest('hex');
  const groups = `fd${digest.slice(0, HASH_HEX_DIGITS)}`.match(/.{4}/g) ?? [];
  return normalizeIpAddress(groups.join(':')) ?? '';
}

/** Returns the eight groups of an IPv6 address. An IPv4 address at its end counts as two groups. */
function groupsOf(address: string): number[] {
  const [head = '', tail = ''] = address.split('::').map((part) => part.replace(/\d+\.\d+\.\d+\.\d+$/, '0:0'));
  const [before, after] = [head, tail].map((part) => (part === '' ? [] : part.split(':')));
  const groups = [...(before ?? []), ...Array<string>(8 - (before ?? []).length - (after ?? []).length).fill('0')];
  return [...groups, ...(after ?? [])].map((group) => parseInt(group, 16));
}

import { isIP, SocketAddress } from 'node:net';

const MAX_USER_AGENT_LENGTH = 512;
const MAX_DEVICE_LENGTH = 100;
const MAX_ACTOR_LENGTH = 255;
const IPV4_MAPPED = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i;
// C0 and C1 control characters and line separators: they could forge lines in a log (ASVS 16.4.1).
// eslint-disable-next-line no-control-regex -- it matches control characters on purpose
const CONTROL = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]+/g;

/**
 * Normalizes an address to its shortest form, IPv4-mapped ones to IPv4, without an IPv6 zone. Returns `null` when it is not
 * an address.
 */
export function normalizeIpAddress(address: string | null | undefined): string | null {
  if (!address) return null;
  const bare = address.split('%', 1)[0] ?? '';
  if (!isIP(bare)) return null;
  const canonical = new SocketAddress({ address: bare, family: isIP(bare) === 6 ? 'ipv6' : 'ipv4' }).address;
  return IPV4_MAPPED.exec(canonical)?.[1] ?? canonical;
}

/** Returns a user agent without control characters, at most 512 characters; `null` when there is none. */
export function normalizeUserAgent(userAgent: string | null | undefined): string | null {
  return cleanText(userAgent, MAX_USER_AGENT_LENGTH);
}

/** Returns a device label without control characters, at most 100 characters; `null` when there is none. */
export function normalizeDevice(device: string | null | undefined): string | null {
  return cleanText(device, MAX_DEVICE_LENGTH);
}

/** Returns a user or operator id without control characters, at most 255 characters; `null` when there is none. */
export function normalizeActor(actor: string | null | undefined): string | null {
  return cleanText(actor, MAX_ACTOR_LENGTH);
}

/** Returns the text without control characters, cut to the maximum; `null` when nothing is left. */
export function cleanText(text: string | null | undefined, maxLength: number): string | null {
  if (!text) return null;
  const clean = text.replace(CONTROL, ' ').trim().slice(0, maxLength).toWellFormed();
  return clean === '' ? null : clean;
}

/** The client that sent a token, as the adapter saw it. `ipAddresses` decides which form of the address is kept. */
export interface SessionClient {
  readonly ipAddress?: string | null;
  readonly userAgent?: string | null;
}

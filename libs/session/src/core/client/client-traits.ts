import { createHash } from 'node:crypto';
import { normalizeUserAgent, type SessionClient } from './client-details.js';
import { createIpAddressForm, type IpAddressForm } from './ip-address-form.js';
import type { SessionRecord } from '../session/session-record.js';
import { equalHashes } from '../token/session-token.js';
import { CLIENT_TRAIT_BYTES } from '../token/token-state.js';
import { isSameKind, toUserAgentKind, type UserAgentKind } from './user-agent-kind.js';

/**
 * A difference from all clients of the session so far. `user-agent`: another browser family or system, versions aside.
 * `network`: an address in another network, /24 of IPv4 and /48 of IPv6. With `ipAddresses: 'hashed'` any other address
 * differs; with `'none'` none does.
 */
export type ClientChange = 'user-agent' | 'network';

export interface ChangedClient {
  readonly changes: readonly ClientChange[];
  /** The traits by which the session recognizes this client from now on. */
  readonly traits: readonly Uint8Array[];
}

export interface ClientToCompare {
  readonly record: Pick<SessionRecord, 'id' | 'ipAddress' | 'userAgent'>;
  readonly client: SessionClient;
  /** Traits of later clients, which the session did not begin with. */
  readonly known: readonly Uint8Array[];
  readonly toStoredIpAddress: IpAddressForm;
}

const LABEL = 'nest-sessions client trait\0';
const toNetwork = createIpAddressForm('truncated');

/**
 * Compares a client with the session's first client and with later ones. Unknown values are not compared, except that a
 * missing user agent differs from a known one.
 *
 * @returns `undefined` when the client is known.
 */
export function findChangedClient(compared: ClientToCompare): ChangedClient | undefined {
  const news = [userAgentNews(compared), networkNews(compared)].filter((one) => one !== undefined);
  const unknown = news
    .map(({ change, value }) => ({ change, trait: toTrait(compared.record.id, `${change}\0${value}`) }))
    .filter(({ trait }) => !compared.known.some((one) => equalHashes(one, trait)));
  if (unknown.length === 0) return undefined;
  return { changes: unknown.map(({ change }) => change), traits: unknown.map(({ trait }) => trait) };
}

interface News {
  readonly change: ClientChange;
  readonly value: string;
}

function userAgentNews({ record, client }: ClientToCompare): News | undefined {
  // Before any parsing: nearly every request comes from the session's first client.
  if (record.userAgent === null || client.userAgent === undefined || client.userAgent === record.userAgent)
    return undefined;
  const userAgent = normalizeUserAgent(client.userAgent);
  if (userAgent === record.userAgent) return undefined;
  const kind = toUserAgentKind(userAgent);
  if (isSameKind(kind, toUserAgentKind(record.userAgent))) return undefined;
  return { change: 'user-agent', value: nameKind(kind) };
}

function networkNews({ record, client, toStoredIpAddress }: ClientToCompare): News | undefined {
  if (record.ipAddress === null || client.ipAddress === record.ipAddress) return undefined;
  const network = toNetwork(toStoredIpAddress(client.ipAddress));
  if (network === null || network === toNetwork(record.ipAddress)) return undefined;
  return { change: 'network', value: network };
}

/** The system goes first: a client may name the browser itself, with any characters in it. */
function nameKind({ browser, system }: UserAgentKind): string {
  return `${system}\0${browser}`;
}

/** One client has different traits in each session, so the stored traits of one session reveal nothing about others. */
function toTrait(sessionId: string, value: string): Uint8Array {
  const digest = createHash('sha256').update(LABEL).update(sessionId).update('\0').update(value).digest();
  return new Uint8Array(digest.subarray(0, CLIENT_TRAIT_BYTES));
}

import type { JsonObject } from '../../../core/session/session-data.js';
import { isAssuranceLevel } from '../../../core/authentication/assurance-level.js';
import type {
  IdentityProviderSession,
  SessionAuthentication,
  SessionRecord,
} from '../../../core/session/session-record.js';
import { MAX_TOKEN_STATE_BYTES, TOKEN_HASH_BYTES } from '../../../core/token/token-state.js';

const FORMAT = '1';
const MAX_INSTANT_MS = 8_640_000_000_000_000;

/** Second line of a record: never changes after creation. */
interface StoredDetails {
  readonly ip: string | null;
  readonly ua: string | null;
  readonly device: string | null;
}

/** Third line of a record: changes with each reauthentication. */
interface StoredAuthentication {
  readonly amr: readonly string[];
  readonly aal?: string;
  readonly pending?: true;
  readonly idp?: { readonly iss: string; readonly sid?: string; readonly at?: number };
}

type Details = Pick<SessionRecord, 'ipAddress' | 'userAgent' | 'device'>;

/** Encodes a user id in base64url, so that scripts can compare it; empty for an anonymous session. */
export function encodeUserId(userId: string | null): string {
  return userId === null ? '' : Buffer.from(userId, 'utf8').toString('base64url');
}

export function decodeUserId(text: string): string | null {
  return text === '' ? null : Buffer.from(text, 'base64url').toString('utf8');
}

export function encodeHash(tokenHash: Uint8Array): string {
  return Buffer.from(tokenHash).toString('base64url');
}

export function encodeDetails({ ipAddress, userAgent, device }: Details): string {
  return JSON.stringify({ ip: ipAddress, ua: userAgent, device } satisfies StoredDetails);
}

export function encodeAuthentication(session: SessionAuthentication): string {
  const { amr, assuranceLevel, awaitsSecondFactor, identityProvider: idp } = session;
  return JSON.stringify({
    amr,
    aal: assuranceLevel ?? undefined,
    pending: awaitsSecondFactor || undefined,
    idp: idp ? { iss: idp.issuer, sid: idp.sessionId ?? undefined, at: idp.authenticatedAt?.getTime() } : undefined,
  } satisfies StoredAuthentication);
}

/** Encodes the activity field beside a record: every touch changes it. */
export function encodeActivity({ lastSeenAt, expiresAt }: Pick<SessionRecord, 'lastSeenAt' | 'expiresAt'>): string {
  return `${lastSeenAt.getTime()}|${expiresAt.getTime()}`;
}

/** Encodes a record as the scripts store it, without its activity. */
export function encodeRecord(record: SessionRecord): string {
  const header = [
    FORMAT,
    record.version,
    encodeHash(record.tokenHash),
    record.createdAt.getTime(),
    record.absoluteExpiresAt.getTime(),
    record.authenticatedAt?.getTime() ?? '',
    encodeUserId(record.userId),
    '',
  ].join('|');
  return [header, encodeDetails(record), encodeAuthentication(record), JSON.stringify(record.data)].join('\n');
}

/**
 * Decodes a record from its two fields. Their layout is at the head of `schema/session-hash.lua`.
 *
 * @returns `undefined` when a value is broken or in a newer format.
 */
export function decodeRecord(
  id: string,
  value: string,
  activity: string | null | undefined,
): SessionRecord | undefined {
  if (typeof activity !== 'string') return undefined;
  const [header = '', details = '', authentication = '', data = ''] = value.split('\n', 4);
  const [format, version, hash = '', createdAt, absoluteExpiresAt, authenticatedAt, user = ''] = header.split('|');
  const [lastSeenAt, expiresAt] = activity.split('|');
  if (format !== FORMAT) return undefined;
  try {
    const tokenHash = Buffer.from(hash, 'base64url');
    if (tokenHash.byteLength < TOKEN_HASH_BYTES || tokenHash.byteLength > MAX_TOKEN_STATE_BYTES) return undefined;
    const { ip, ua, device } = parseObject(details);
    const { amr, assuranceLevel, awaitsSecondFactor, identityProvider } = parseAuthentication(authentication);
    return {
      id,
      userId: decodeUserId(user),
      tokenHash,
      data: parseObject(data),
      version: parseInteger(version),
      createdAt: parseInstant(createdAt),
      lastSeenAt: parseInstant(lastSeenAt),
      expiresAt: parseInstant(expiresAt),
      absoluteExpiresAt: parseInstant(absoluteExpiresAt),
      authenticatedAt: authenticatedAt === '' ? null : parseInstant(authenticatedAt),
      amr,
      assuranceLevel,
      awaitsSecondFactor,
      identityProvider,
      ipAddress: textOrNull(ip),
      userAgent: textOrNull(ua),
      device: textOrNull(device),
    };
  } catch {
    return undefined;
  }
}

/** Returns a stored record's authentication line unchanged. */
export function authenticationLineOf(value: string): string {
  return value.split('\n', 3)[2] ?? '';
}

function parseObject(json: string): JsonObject {
  const value: unknown = JSON.parse(json);
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new TypeError('not an object');
  return value as JsonObject;
}

function parseAuthentication(json: string): SessionAuthentication {
  const { amr, aal = null, pending = false, idp } = parseObject(json);
  if (aal !== null && !isAssuranceLevel(aal)) throw new TypeError('not an assurance level');
  // Any other value read as false would allow a session whose second factor is still pending.
  if (typeof pending !== 'boolean') throw new TypeError('not a boolean');
  return {
    amr: parseTexts(amr),
    assuranceLevel: aal,
    awaitsSecondFactor: pending,
    identityProvider: idp === undefined ? null : parseIdentityProvider(idp),
  };
}

function parseIdentityProvider(value: unknown): IdentityProviderSession {
  if (typeof value !== 'object' || value === null) throw new TypeError('not an object');
  const { iss, sid = null, at } = value as Record<string, unknown>;
  if (typeof iss !== 'string' || (sid !== null && typeof sid !== 'string')) throw new TypeError('not texts');
  return { issuer: iss, sessionId: sid, authenticatedAt: at === undefined ? null : parseInstant(JSON.stringify(at)) };
}

function parseTexts(value: unknown): string[] {
  if (!Array.isArray(value) || value.some((one) => typeof one !== 'string')) throw new TypeError('not texts');
  return value as string[];
}

function parseInteger(text: string | undefined): number {
  const value = Number(text);
  if (text === undefined || text === '' || !Number.isSafeInteger(value)) throw new TypeError('not an integer');
  return value;
}

function parseInstant(text: string | undefined): Date {
  const ms = parseInteger(text);
  if (ms < 0 || ms > MAX_INSTANT_MS) throw new RangeError('not an instant');
  return new Date(ms);
}

function textOrNull(value: unknown): string | null {
  return typeof value === 'string' ? value : null;
}

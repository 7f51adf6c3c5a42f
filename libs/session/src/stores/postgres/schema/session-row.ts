import type { JsonObject } from '../../../core/session/session-data.js';
import type {
  AssuranceLevel,
  EndedSession,
  IdentityProviderSession,
  SessionAuthentication,
  SessionEndReason,
  SessionRecord,
} from '../../../core/session/session-record.js';
import { MAX_TOKEN_STATE_BYTES, TOKEN_HASH_BYTES } from '../../../core/token/token-state.js';
import { TRANSACTION_TIME, unixMs } from '../connection/sql-expressions.js';
import type { Values } from '../connection/statement.js';

/** A row as `RECORD_COLUMNS` selects it: only text and numbers, so that the application's type parsers do not matter. */
export interface SessionRow {
  readonly id: string;
  readonly user_id: string | null;
  readonly token_hash: string;
  readonly data: string;
  readonly version: unknown;
  readonly created_at_ms: unknown;
  readonly last_seen_at_ms: unknown;
  readonly expires_at_ms: unknown;
  readonly absolute_expires_at_ms: unknown;
  readonly authenticated_at_ms: unknown;
  readonly amr: string;
  readonly assurance_level: AssuranceLevel | null;
  readonly awaits_second_factor: unknown;
  readonly idp_issuer: string | null;
  readonly idp_session_id: string | null;
  readonly idp_authenticated_at_ms: unknown;
  readonly ip_address: string | null;
  readonly user_agent: string | null;
  readonly device: string | null;
  /** Start of the transaction; never later than the check that the session is unexpired. */
  readonly now_ms: unknown;
}

/** The columns to select for a record; the table's alias is `s`. */
export const RECORD_COLUMNS = `s.id::text as id, s.user_id::text as user_id, encode(s.token_hash, 'hex') as token_hash,
  s.data::text as data, s.version,
  ${unixMs('s.created_at')} as created_at_ms, ${unixMs('s.last_seen_at')} as last_seen_at_ms,
  ${unixMs('s.expires_at')} as expires_at_ms, ${unixMs('s.absolute_expires_at')} as absolute_expires_at_ms,
  ${unixMs('s.authenticated_at')} as authenticated_at_ms,
  to_json(s.amr)::text as amr, s.assurance_level, s.awaits_second_factor::text as awaits_second_factor,
  s.idp_issuer, s.idp_session_id, ${unixMs('s.idp_authenticated_at')} as idp_authenticated_at_ms,
  host(s.ip_address) as ip_address, s.user_agent, s.device,
  ${unixMs(TRANSACTION_TIME)} as now_ms`;

/** @returns `undefined` when this library did not write the row: its data or hash is of another shape. */
export function toRecord(row: SessionRow): SessionRecord | undefined {
  const data: unknown = JSON.parse(row.data);
  const tokenHash = Buffer.from(row.token_hash, 'hex');
  if (!isJsonObject(data)) return undefined;
  if (tokenHash.length < TOKEN_HASH_BYTES || tokenHash.length > MAX_TOKEN_STATE_BYTES) return undefined;
  return {
    id: row.id,
    userId: row.user_id,
    tokenHash: new Uint8Array(tokenHash),
    data,
    version: Number(row.version),
    createdAt: toDate(row.created_at_ms),
    lastSeenAt: toDate(row.last_seen_at_ms),
    expiresAt: toDate(row.expires_at_ms),
    absoluteExpiresAt: toDate(row.absolute_expires_at_ms),
    authenticatedAt: row.authenticated_at_ms === null ? null : toDate(row.authenticated_at_ms),
    amr: JSON.parse(row.amr) as string[],
    assuranceLevel: row.assurance_level,
    awaitsSecondFactor: row.awaits_second_factor !== 'false',
    identityProvider: toIdentityProvider(row),
    ipAddress: row.ip_address,
    userAgent: row.user_agent,
    device: row.device,
  };
}

function toIdentityProvider(row: SessionRow): IdentityProviderSession | null {
  if (row.idp_issuer === null) return null;
  const authenticatedAt = row.idp_authenticated_at_ms === null ? null : toDate(row.idp_authenticated_at_ms);
  return { issuer: row.idp_issuer, sessionId: row.idp_session_id, authenticatedAt };
}

/** Parameters of a statement that stores how a user authenticated. */
export const AUTHENTICATION_PARAMETERS = {
  assuranceLevel: 'text',
  awaitsSecondFactor: 'boolean',
  idpIssuer: 'text',
  idpSessionId: 'text',
  idpAuthenticatedAt: 'timestamptz',
} as const;

export function authenticationValues(authentication: SessionAuthentication): Values<typeof AUTHENTICATION_PARAMETERS> {
  const { assuranceLevel, awaitsSecondFactor, identityProvider: idp } = authentication;
  return {
    assuranceLevel,
    awaitsSecondFactor,
    idpIssuer: idp?.issuer ?? null,
    idpSessionId: idp?.sessionId ?? null,
    idpAuthenticatedAt: idp?.authenticatedAt ?? null,
  };
}

export function toDate(ms: unknown): Date {
  return new Date(Number(ms));
}

/** A session that just ended, as `ENDED_COLUMNS` selects it. */
export interface EndedRow {
  readonly id: string;
  readonly user_id: string | null;
  readonly ended_at_ms: unknown;
  readonly end_reason: SessionEndReason;
  readonly ended_by: string | null;
}

/** The columns to select for a session that just ended; the table's alias is `s`. */
export const ENDED_COLUMNS = `s.id::text as id, s.user_id::text as user_id, ${unixMs('s.ended_at')} as ended_at_ms,
  s.end_reason, s.ended_by`;

export function toEnded(row: EndedRow): EndedSession {
  return {
    id: row.id,
    userId: row.user_id,
    endedAt: toDate(row.ended_at_ms),
    endReason: row.end_reason,
    endedBy: row.ended_by,
  };
}

/** @param json - JSON array of `EndedRow`. */
export function toEndedMany(json = '[]'): EndedSession[] {
  return (JSON.parse(json) as EndedRow[]).map(toEnded);
}

function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

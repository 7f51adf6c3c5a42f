/** Names and types of the columns, as Postgres prints them. `user id` stands for the application's choice. */
export const SESSION_COLUMNS = {
  id: 'uuid',
  user_id: 'user id',
  token_hash: 'bytea',
  data: 'jsonb',
  version: 'integer',
  created_at: 'timestamp with time zone',
  last_seen_at: 'timestamp with time zone',
  expires_at: 'timestamp with time zone',
  absolute_expires_at: 'timestamp with time zone',
  authenticated_at: 'timestamp with time zone',
  amr: 'text[]',
  assurance_level: 'text',
  awaits_second_factor: 'boolean',
  idp_issuer: 'text',
  idp_session_id: 'text',
  idp_authenticated_at: 'timestamp with time zone',
  ip_address: 'inet',
  user_agent: 'text',
  device: 'text',
  ended_at: 'timestamp with time zone',
  end_reason: 'text',
  ended_by: 'text',
  purge_after: 'timestamp with time zone',
} as const;

export const FLOOR_COLUMNS = {
  id: 'bigint',
  before: 'timestamp with time zone',
  at: 'timestamp with time zone',
  reason: 'text',
  ended_by: 'text',
} as const;

export const AUDIT_COLUMNS = {
  id: 'bigint',
  at: 'timestamp with time zone',
  event: 'text',
  session_id: 'uuid',
  user_id: 'user id',
  reason: 'text',
  actor: 'text',
  ip_address: 'inet',
  user_agent: 'text',
} as const;

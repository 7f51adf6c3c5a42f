import { Column, Entity, PrimaryColumn } from 'typeorm';
import type { JsonObject } from '../../../core/session/session-data.js';
import type { AssuranceLevel, SessionEndReason } from '../../../core/session/session-record.js';

/**
 * A session as a row, for your own queries. It is live when `endedAt` is null, `expiresAt` is in the future and no
 * `revokeEverything` came after `createdAt`.
 *
 * Read only. Change sessions through `SessionService`: direct writes bypass the audit log and every guarantee of this
 * library. TypeORM's schema tools leave the table alone; `sessionMigrations()` creates it.
 */
@Entity({ name: 'sessions', synchronize: false })
export class SessionEntity {
  @PrimaryColumn({ type: 'uuid' })
  id: string;

  /** Text, whatever the column's type; `null` for an anonymous session. */
  @Column({ name: 'user_id', type: 'text', nullable: true })
  userId: string | null;

  @Column({ type: 'jsonb' })
  data: JsonObject;

  /** Starts at 1 and counts every change of data or token. */
  @Column({ type: 'integer' })
  version: number;

  @Column({ name: 'created_at', type: 'timestamptz' })
  createdAt: Date;

  /** Lags behind by at most the touch interval and the flush interval. */
  @Column({ name: 'last_seen_at', type: 'timestamptz' })
  lastSeenAt: Date;

  @Column({ name: 'expires_at', type: 'timestamptz' })
  expiresAt: Date;

  @Column({ name: 'absolute_expires_at', type: 'timestamptz' })
  absoluteExpiresAt: Date;

  @Column({ name: 'authenticated_at', type: 'timestamptz', nullable: true })
  authenticatedAt: Date | null;

  /** Authentication methods as in RFC 8176. */
  @Column({ type: 'text', array: true })
  amr: string[];

  /** The NIST SP 800-63B level that the session has reached. */
  @Column({ name: 'assurance_level', type: 'text', nullable: true })
  assuranceLevel: AssuranceLevel | null;

  @Column({ name: 'awaits_second_factor', type: 'boolean' })
  awaitsSecondFactor: boolean;

  /** `iss` of the identity provider through which the user signed in. The next two columns are `sid` and `auth_time`. */
  @Column({ name: 'idp_issuer', type: 'text', nullable: true })
  idpIssuer: string | null;

  @Column({ name: 'idp_session_id', type: 'text', nullable: true })
  idpSessionId: string | null;

  @Column({ name: 'idp_authenticated_at', type: 'timestamptz', nullable: true })
  idpAuthenticatedAt: Date | null;

  @Column({ name: 'ip_address', type: 'inet', nullable: true })
  ipAddress: string | null;

  @Column({ name: 'user_agent', type: 'text', nullable: true })
  userAgent: string | null;

  @Column({ type: 'text', nullable: true })
  device: string | null;

  @Column({ name: 'ended_at', type: 'timestamptz', nullable: true })
  endedAt: Date | null;

  @Column({ name: 'end_reason', type: 'text', nullable: true })
  endReason: SessionEndReason | null;

  @Column({ name: 'ended_by', type: 'text', nullable: true })
  endedBy: string | null;
}

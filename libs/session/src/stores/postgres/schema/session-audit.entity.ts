import { Column, Entity, PrimaryColumn } from 'typeorm';
import type { SessionEndReason } from '../../../core/session/session-record.js';

export type SessionAuditEvent =
  'session.created' | 'session.rotated' | 'session.reauthenticated' | 'session.ended' | 'everything.ended';

/** One transition of one session, written in the same statement. Append-only: the database rejects changes. */
@Entity({ name: 'session_audit', synchronize: false })
export class SessionAuditEntity {
  /** Identity, ascending; a 64-bit integer as text. */
  @PrimaryColumn({ type: 'bigint' })
  id: string;

  @Column({ type: 'timestamptz' })
  at: Date;

  @Column({ type: 'text' })
  event: SessionAuditEvent;

  /** `null` for `everything.ended`, which concerns all sessions. */
  @Column({ name: 'session_id', type: 'uuid', nullable: true })
  sessionId: string | null;

  /** Text, whatever the column's type. Kept when the user is deleted. */
  @Column({ name: 'user_id', type: 'text', nullable: true })
  userId: string | null;

  /** Set for ends only. */
  @Column({ type: 'text', nullable: true })
  reason: SessionEndReason | null;

  /** The actor that ended the session; `null` for the library itself. */
  @Column({ type: 'text', nullable: true })
  actor: string | null;

  @Column({ name: 'ip_address', type: 'inet', nullable: true })
  ipAddress: string | null;

  @Column({ name: 'user_agent', type: 'text', nullable: true })
  userAgent: string | null;
}

import { Column, Entity, PrimaryColumn } from 'typeorm';

/** An authenticator app that a user has set up and confirmed by a code. */
@Entity({ name: 'totp_factors' })
export class TotpFactor {
  @PrimaryColumn({ type: 'bigint', name: 'user_id' })
  userId: string;

  /** As `SecretBox` seals it. */
  @Column({ type: 'bytea', name: 'sealed_secret' })
  sealedSecret: Buffer;

  /** The time step of the latest code that was accepted: no code of it or of an earlier one is accepted again. */
  @Column({ type: 'integer', name: 'last_step' })
  lastStep: number;

  @Column({ type: 'timestamptz', name: 'created_at', default: () => 'now()' })
  createdAt: Date;
}

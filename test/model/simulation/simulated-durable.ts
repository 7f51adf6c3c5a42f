import type { DurableDataChange, DurableSessions, HotChange } from '../../../libs/session/src/core/durable-sessions.js';
import type { EndedEverything, EndedSession, SessionRecord } from '../../../libs/session/src/core/session-record.js';
import { expiriesFrom } from '../../../libs/session/src/core/session-policy.js';
import type {
  CleanUpOutcome,
  CreateOutcome,
  FindOutcome,
  NewSession,
  ProviderRevocation,
  RotateOutcome,
  SessionList,
  SessionListQuery,
  SessionRevocation,
  SessionRotation,
  SessionTouch,
  TotalRevocation,
  UpdateOutcome,
  UserRevocation,
} from '../../../libs/session/src/core/session-store.js';
import { SimulatedSide } from './simulated-side.js';

interface Row {
  record: SessionRecord;
  ended?: EndedSession;
}

/** Postgres as the hybrid store knows it: rows, an audit log, and changes recorded in the same step. Time stands still. */
export class SimulatedDurable extends SimulatedSide implements DurableSessions {
  readonly rows = new Map<string, Row>();
  readonly audit: { readonly id: string; readonly event: 'created' | 'rotated' | 'ended' }[] = [];
  private changes: HotChange[] = [];
  private keys = 0;
  private epoch = 0;
  private readonly now = new Date(1_700_000_000_000);

  get pendingChanges(): number {
    return this.changes.length;
  }

  liveIds(userId?: string): string[] {
    return [...this.rows.values()]
      .filter(({ record, ended }) => !ended && (userId === undefined || record.userId === userId))
      .map(({ record }) => record.id);
  }

  /** A row deleted directly in SQL: the trigger records it. */
  deleteRow(id: string): void {
    const row = this.rows.get(id);
    if (!row) return;
    this.rows.delete(id);
    if (!row.ended) this.recordChange(id, 'ended');
  }

  create(session: NewSession): Promise<CreateOutcome> {
    return this.call(() => {
      if (this.rows.has(session.id)) return { created: false, reason: 'id-taken' };
      const ended: EndedSession[] = [];
      const replaced = session.replaces === undefined ? undefined : this.liveRow(session.replaces);
      const others = this.liveIds(session.userId ?? undefined).filter((id) => id !== session.replaces);
      const excess = session.limit ? others.length + 1 - session.limit.max : 0;
      if (excess > 0 && session.limit?.onLimit === 'reject') return { created: false, reason: 'limit' };
      if (replaced) ended.push(this.end(replaced, 'replaced'));
      for (const id of others.slice(0, Math.max(0, excess))) {
        const row = this.liveRow(id);
        if (row) ended.push(this.end(row, 'evicted'));
      }
      const record: SessionRecord = {
        id: session.id,
        userId: session.userId,
        tokenHash: session.tokenHash,
        data: session.data,
        version: 1,
        createdAt: this.now,
        ...expiriesFrom(this.now, session),
        authenticatedAt: this.now,
        amr: session.amr,
        assuranceLevel: session.assuranceLevel,
        awaitsSecondFactor: session.awaitsSecondFactor,
        identityProvider: session.identityProvider,
        ipAddress: null,
        userAgent: null,
        device: null,
      };
      this.rows.set(session.id, { record });
      this.audit.push({ id: session.id, event: 'created' });
      return { created: true, record, now: this.now, ended };
    });
  }

  find(id: string): Promise<FindOutcome> {
    return this.call(() => this.look(id));
  }

  findMany(ids: readonly string[]): Promise<ReadonlyMap<string, FindOutcome>> {
    return this.call(() => new Map(ids.map((id) => [id, this.look(id)])));
  }

  rotate({ id, expectedTokenHash, tokenHash, endOthers }: SessionRotation): Promise<RotateOutcome> {
    return this.call(() => {
      const row = this.liveRow(id);
      if (!row) return { applied: false, reason: 'absent' };
      if (Buffer.compare(row.record.tokenHash, expectedTokenHash) !== 0)
        return { applied: false, reason: 'superseded' };
      row.record = { ...row.record, tokenHash, version: row.record.version + 1 };
      this.recordChange(id, 'changed');
      this.audit.push({ id, event: 'rotated' });
      const others = endOthers ? this.liveIds(row.record.userId ?? undefined).filter((other) => other !== id) : [];
      const ended = others.flatMap((other) => {
        const otherRow = this.liveRow(other);
        return otherRow && endOthers ? [this.end(otherRow, endOthers.reason)] : [];
      });
      return { applied: true, record: row.record, now: this.now, ended };
    });
  }

  revoke({ id, userId, reason }: SessionRevocation): Promise<EndedSession | undefined> {
    return this.call(() => {
      const row = this.liveRow(id);
      if (!row || (userId !== undefined && row.record.userId !== userId)) return undefined;
      return this.end(row, reason);
    });
  }

  revokeAll({ userId, exceptId, reason }: UserRevocation): Promise<EndedSession[]> {
    return this.call(() =>
      this.liveIds(userId)
        .filter((id) => id !== exceptId)
        .flatMap((id) => {
          const row = this.liveRow(id);
          return row ? [this.end(row, reason)] : [];
        }),
    );
  }

  revokeByIdentityProvider({ issuer, sessionId, reason }: ProviderRevocation): Promise<EndedSession[]> {
    return this.call(() =>
      this.liveIds().flatMap((id) => {
        const row = this.liveRow(id);
        const idp = row?.record.identityProvider;
        return row && idp?.issuer === issuer && idp.sessionId === sessionId ? [this.end(row, reason)] : [];
      }),
    );
  }

  /** Of the single sessions nothing is recorded. */
  revokeEverything({ reason, endedBy }: TotalRevocation): Promise<EndedEverything & { readonly epoch: number }> {
    return this.call(() => {
      for (const row of this.rows.values()) {
        const { id, userId } = row.record;
        row.ended ??= { id, userId, endedAt: this.now, endReason: reason, endedBy };
      }
      return { before: this.now, endReason: reason, endedBy, epoch: (this.epoch += 1) };
    });
  }

  findEpoch(): Promise<number> {
    return this.call(() => this.epoch);
  }

  listByUser({ userId }: SessionListQuery): Promise<SessionList> {
    return this.call(() => ({
      records: this.liveIds(userId).flatMap((id) => this.liveRow(id)?.record ?? []),
      now: this.now,
    }));
  }

  touch({ id }: SessionTouch): Promise<boolean> {
    return this.call(() => this.liveRow(id) !== undefined);
  }

  update(): Promise<UpdateOutcome> {
    throw new Error('the hybrid store changes data on the hot side');
  }

  mergeDurableData({ id, version, data }: DurableDataChange): Promise<void> {
    return this.call(() => {
      const row = this.liveRow(id);
      if (row && row.record.version < version) row.record = { ...row.record, data, version };
    });
  }

  listHotChanges(limit: number): Promise<readonly HotChange[]> {
    return this.call(() => this.changes.slice(0, limit));
  }

  forgetHotChanges(changes: readonly HotChange[]): Promise<void> {
    return this.call(() => {
      const done = new Set(changes.map(({ key }) => key));
      this.changes = this.changes.filter(({ key }) => !done.has(key));
    });
  }

  cleanUp(): Promise<CleanUpOutcome> {
    return this.call(() => ({ expired: 0, purged: 0, auditPurged: 0, state: 'done' }));
  }

  async start(): Promise<void> {}
  async flush(): Promise<void> {}
  async stop(): Promise<void> {}

  private look(id: string): FindOutcome {
    const row = this.rows.get(id);
    if (!row) return { live: false, reason: 'unknown' };
    return row.ended ? { live: false, reason: 'ended' } : { live: true, record: row.record, now: this.now };
  }

  private liveRow(id: string): Row | undefined {
    const row = this.rows.get(id);
    return row?.ended ? undefined : row;
  }

  private end(row: Row, endReason: EndedSession['endReason']): EndedSession {
    const { id, userId } = row.record;
    row.ended = { id, userId, endedAt: this.now, endReason, endedBy: null };
    this.audit.push({ id, event: 'ended' });
    this.recordChange(id, 'ended');
    return row.ended;
  }

  private recordChange(id: string, kind: HotChange['kind']): void {
    this.changes.push({ key: String((this.keys += 1)), id, kind });
  }
}

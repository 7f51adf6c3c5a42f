import type {
  DurableDataChange,
  DurableFindOutcome,
  DurableSessions,
  HotChange,
} from '#src/core/ports/durable-sessions.js';
import type {
  EndedEverything,
  EndedSession,
  SessionEndReason,
  SessionRecord,
} from '#src/core/session/session-record.js';
import { expiriesFrom } from '#src/core/session/session-policy.js';
import type {
  CleanUpOutcome,
  CreateOutcome,
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
} from '#src/core/ports/session-store.js';
import { SimulatedSide, type SimulatedParts } from './simulated-side.js';

interface MinAge {
  readonly minAgeMs?: number;
}

interface Row {
  record: SessionRecord;
  dataVersion: number;
  ended?: EndedSession;
}

/** Sessions that began before this instant have ended. */
interface Cutoff {
  readonly beforeMs: number;
  readonly epoch: number;
  readonly reason: SessionEndReason;
}

/** Postgres as the hybrid store sees it: rows, an audit log, and changes recorded in the same step. Time stands still. */
export class SimulatedDurable extends SimulatedSide implements DurableSessions {
  readonly rows = new Map<string, Row>();
  readonly audit: { readonly id: string; readonly event: 'created' | 'rotated' | 'ended' }[] = [];
  private changes: HotChange[] = [];
  private keys = 0;
  private cutoffs: readonly Cutoff[] = [];

  constructor(parts: SimulatedParts) {
    super('postgres', parts);
  }

  get epoch(): number {
    return this.cutoffs.length;
  }

  private get now(): Date {
    return this.parts.clock.now();
  }

  get pendingChanges(): number {
    return this.changes.length;
  }

  liveIds(userId?: string): string[] {
    return [...this.rows.values()]
      .filter((row) => !this.isOver(row) && (userId === undefined || row.record.userId === userId))
      .map(({ record }) => record.id);
  }

  /** The first epoch in which the session has ended with everything. `undefined`: it has not. */
  epochThatEnds(id: string): number | undefined {
    const row = this.rows.get(id);
    return row && this.cutoffOver(row)?.epoch;
  }

  /** Deletes a row as direct SQL does: the trigger records it. */
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
      const beganAt = new Date(Math.max(this.now.getTime(), ...this.cutoffs.map(({ beforeMs }) => beforeMs)));
      const record: SessionRecord = {
        id: session.id,
        userId: session.userId,
        tokenHash: session.tokenHash,
        data: session.data,
        version: 1,
        createdAt: beganAt,
        ...expiriesFrom(beganAt, session),
        authenticatedAt: beganAt,
        amr: session.amr,
        assuranceLevel: session.assuranceLevel,
        awaitsSecondFactor: session.awaitsSecondFactor,
        identityProvider: session.identityProvider,
        ipAddress: null,
        userAgent: null,
        device: null,
      };
      this.rows.set(session.id, { record, dataVersion: 0 });
      this.audit.push({ id: session.id, event: 'created' });
      return { created: true, record, now: this.now, ended };
    });
  }

  find(id: string): Promise<DurableFindOutcome> {
    return this.call(() => this.look(id));
  }

  findMany(ids: readonly string[]): Promise<ReadonlyMap<string, DurableFindOutcome>> {
    return this.call(() => new Map(ids.map((id) => [id, this.look(id)])));
  }

  rotate({
    id,
    expectedTokenHash,
    tokenHash,
    cause,
    authentication,
    endOthers,
  }: SessionRotation): Promise<RotateOutcome> {
    return this.call(() => {
      const row = this.liveRow(id);
      if (!row) return { applied: false, reason: 'absent' };
      if (Buffer.compare(row.record.tokenHash, expectedTokenHash) !== 0)
        return { applied: false, reason: 'superseded' };
      row.record = {
        ...row.record,
        tokenHash,
        version: row.record.version + 1,
        ...(authentication && { ...authentication, authenticatedAt: this.now }),
      };
      this.recordChange(id, 'changed');
      if (cause !== 'rehash') this.audit.push({ id, event: 'rotated' });
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

  revokeAll({ userId, exceptId, reason, minAgeMs }: UserRevocation & MinAge): Promise<EndedSession[]> {
    return this.call(() =>
      this.liveIds(userId)
        .filter((id) => id !== exceptId)
        .flatMap((id) => {
          const row = this.liveRow(id);
          return row && this.isAged(row, minAgeMs) ? [this.end(row, reason)] : [];
        }),
    );
  }

  revokeByIdentityProvider(revocation: ProviderRevocation & MinAge): Promise<EndedSession[]> {
    const { issuer, sessionId, userId, reason, minAgeMs } = revocation;
    return this.call(() =>
      this.liveIds(userId).flatMap((id) => {
        const row = this.liveRow(id);
        const idp = row?.record.identityProvider;
        if (!row || idp?.issuer !== issuer || idp.sessionId !== sessionId) return [];
        return this.isAged(row, minAgeMs) ? [this.end(row, reason)] : [];
      }),
    );
  }

  /** Records no change for any single session. */
  revokeEverything({
    before,
    reason,
    endedBy,
  }: TotalRevocation): Promise<EndedEverything & { readonly epoch: number }> {
    return this.call(() => {
      const latestMs = this.now.getTime() + 1;
      const beforeMs = Math.min(before?.getTime() ?? latestMs, latestMs);
      this.cutoffs = [...this.cutoffs, { beforeMs, epoch: this.epoch + 1, reason }];
      return { before: new Date(beforeMs), endReason: reason, endedBy, epoch: this.epoch };
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
      if (!row || row.dataVersion >= version) return;
      Object.assign(row, { dataVersion: version, record: { ...row.record, data, version: row.record.version + 1 } });
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

  /** Marks the sessions that a cutoff has ended, one at a time. */
  cleanUp(): Promise<CleanUpOutcome> {
    return this.call(() => {
      const over = [...this.rows.values()].filter((row) => !row.ended && this.isOver(row));
      const [row] = over;
      const cutoff = row && this.cutoffOver(row);
      if (row && cutoff) this.end(row, cutoff.reason);
      return { expired: row ? 1 : 0, purged: 0, auditPurged: 0, state: over.length > 1 ? 'more' : 'done' };
    });
  }

  async start(): Promise<void> {}
  async flush(): Promise<void> {}
  async stop(): Promise<void> {}

  private look(id: string): DurableFindOutcome {
    const row = this.rows.get(id);
    if (!row || this.isOver(row)) return { live: false, reason: row ? 'ended' : 'unknown' };
    return { live: true, record: row.record, now: this.now, dataVersion: row.dataVersion };
  }

  private liveRow(id: string): Row | undefined {
    const row = this.rows.get(id);
    return row && this.isOver(row) ? undefined : row;
  }

  private isOver(row: Row): boolean {
    return row.ended !== undefined || this.cutoffOver(row) !== undefined;
  }

  private cutoffOver({ record }: Row): Cutoff | undefined {
    return this.cutoffs.find(({ beforeMs }) => record.createdAt.getTime() < beforeMs);
  }

  private isAged({ record }: Row, minAgeMs = 0): boolean {
    return record.createdAt.getTime() <= this.now.getTime() - minAgeMs;
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

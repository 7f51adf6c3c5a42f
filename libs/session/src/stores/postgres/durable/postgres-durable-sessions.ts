import type {
  DurableDataChange,
  DurableFindOutcome,
  DurableSessions,
  HotChange,
} from '../../../core/ports/durable-sessions.js';
import { isSessionId } from '../../../core/session/session-id.js';
import type { EndedEverything } from '../../../core/session/session-record.js';
import type { FindOutcome, TotalRevocation } from '../../../core/ports/session-store.js';
import { PostgresSessionStore } from '../store/postgres-session.store.js';
import { toFindOutcome } from '../operations/find.js';
import type { HotChanges } from './hot-changes.js';
import { openDurableParts, type DurableParts, type DurableSettings } from './durable-parts.js';

/**
 * The Postgres store as the durable side of a hybrid store.
 *
 * - Triggers record every change that hot copies have to follow, in the transaction of the change.
 * - A touch applies when the session was live at the moment it was asked for, even if it is written after the expiry.
 *   With a `touchIntervalMs` of 0 it resolves to whether the session is live; when that is not known it rejects.
 * - So an expired session may still be moved until it is ended. Cleanup leaves it alone for a while, and every revocation
 *   ends the expired sessions in its way too, without reporting them.
 */
export class PostgresDurableSessions extends PostgresSessionStore implements DurableSessions {
  private durableParts: DurableParts;

  constructor(protected override readonly settings: DurableSettings) {
    super(settings);
  }

  override async find(id: string): Promise<DurableFindOutcome> {
    const { finder, expiring } = this.open();
    if (!isSessionId(id)) return { live: false, reason: 'unknown' };
    const row = await finder.findRow(id);
    const found = toFindOutcome(row);
    if (!found.live) return found;
    expiring.observe(found);
    return { ...found, dataVersion: Number(row?.hot_data_version ?? 0) };
  }

  override async revokeEverything(revocation: TotalRevocation): Promise<EndedEverything & { readonly epoch: number }> {
    return this.open().ender.revokeEverything(revocation);
  }

  async findEpoch(): Promise<number> {
    return this.openChanges().findEpoch();
  }

  async findMany(ids: readonly string[]): Promise<ReadonlyMap<string, FindOutcome>> {
    return this.open().finder.findMany(ids);
  }

  async listHotChanges(limit: number): Promise<HotChange[]> {
    return this.openChanges().list(limit);
  }

  async forgetHotChanges(changes: readonly HotChange[]): Promise<void> {
    await this.openChanges().forget(changes);
  }

  async mergeDurableData(change: DurableDataChange): Promise<void> {
    await this.openChanges().mergeData(change);
  }

  protected override async openParts(): Promise<DurableParts> {
    this.durableParts = await openDurableParts(this.settings);
    return this.durableParts;
  }

  private openDurable(): DurableParts {
    this.open();
    return this.durableParts;
  }

  private openChanges(): HotChanges {
    return this.openDurable().changes;
  }
}

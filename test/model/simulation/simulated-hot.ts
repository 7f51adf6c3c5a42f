import type {
  AnyRevocation,
  HotCopy,
  HotCopyPage,
  HotLease,
  HotPromotion,
  HotRead,
  HotSessions,
  KeptRevocation,
} from '../../../libs/session/src/core/hot-sessions.js';
import { userReferenceFor, userReferenceOf } from '../../../libs/session/src/core/session-id.js';
import type { SessionRecord } from '../../../libs/session/src/core/session-record.js';
import type {
  LiveSession,
  SessionDataChange,
  SessionTouch,
  UpdateOutcome,
} from '../../../libs/session/src/core/session-store.js';
import { SimulatedSide } from './simulated-side.js';

const PAGE = 2;

interface Copy {
  readonly record: SessionRecord;
  /** `undefined`: not believed anywhere. */
  readonly generation?: number;
}

interface Contents {
  readonly copies: ReadonlyMap<string, Copy>;
  readonly leases: ReadonlyMap<string, { readonly owner: string; readonly generation: number }>;
  readonly kept: ReadonlyMap<string, AnyRevocation>;
}

/** Redis as the hybrid store knows it, with a replica that lags until it is told to catch up. Time stands still. */
export class SimulatedHot extends SimulatedSide implements HotSessions {
  private contents: Contents = { copies: new Map(), leases: new Map(), kept: new Map() };
  private older: Contents = this.contents;
  private generation = 1;
  private serial = 0;
  private epoch = 0;
  private readonly now = new Date(1_700_000_000_000);

  /** The replica, or the last snapshot, is now as it is here. */
  replicate(): void {
    this.older = this.contents;
  }

  /** A fail-over, or a restart from a snapshot: another process, with an older state. */
  failOver(): void {
    this.contents = this.older;
    this.generation += 1;
  }

  flushAll(): void {
    this.contents = { copies: new Map(), leases: new Map(), kept: new Map() };
  }

  copiedIds(): string[] {
    return [...this.contents.copies.keys()];
  }

  /** Ids of the copies that an instance would believe now. */
  believedIds(): string[] {
    return [...this.contents.copies].filter(([, copy]) => copy.generation === this.generation).map(([id]) => id);
  }

  read(id: string): Promise<HotRead> {
    return this.call(() => {
      const copy = this.contents.copies.get(id);
      if (!copy || copy.generation !== this.generation) return { state: 'unconfirmed' };
      return { state: 'believed', record: copy.record, now: this.now };
    });
  }

  lease(id: string): Promise<HotLease> {
    return this.call(() => {
      const owner = String((this.serial += 1));
      this.write({ leases: withEntry(this.contents.leases, id, { owner, generation: this.generation }) });
      return { id, owner, generation: String(this.generation), now: this.now };
    });
  }

  promote({ lease, live, data }: HotPromotion): Promise<LiveSession | undefined> {
    return this.call(() => {
      const standing = this.contents.leases.get(lease.id);
      if (standing?.owner !== lease.owner || lease.generation !== String(this.generation)) return undefined;
      if (standing.generation !== this.generation) return undefined;
      const copy = this.contents.copies.get(lease.id);
      const kept = copy
        ? { data: copy.record.data, version: copy.record.version }
        : { data, version: 1_000 + this.serial * 1_000 };
      const record = { ...live.record, ...kept };
      this.write({
        copies: withEntry(this.contents.copies, lease.id, { record, generation: this.generation }),
        leases: without(this.contents.leases, [lease.id]),
      });
      return { record, now: this.now };
    });
  }

  unconfirm(ids: readonly string[]): Promise<void> {
    return this.call(() => {
      let { copies } = this.contents;
      for (const id of ids) {
        const copy = copies.get(id);
        if (copy) copies = withEntry(copies, id, { record: copy.record });
      }
      this.write({ copies, leases: without(this.contents.leases, ids) });
    });
  }

  unconfirmUser(userId: string): Promise<void> {
    return this.call(() => {
      const copies = [...this.contents.copies].map(([id, copy]): [string, Copy] =>
        copy.record.userId === userId ? [id, { record: copy.record }] : [id, copy],
      );
      const leased = [...this.contents.leases.keys()];
      this.write({
        copies: new Map(copies),
        leases: without(
          this.contents.leases,
          leased.filter((id) => userReferenceOf(id) === userReferenceFor(userId)),
        ),
      });
    });
  }

  advanceEpoch(epoch: number): Promise<void> {
    return this.followEpoch(epoch);
  }

  /** As another generation: what was confirmed or leased before does not count. */
  followEpoch(epoch: number): Promise<void> {
    return this.call(() => {
      if (epoch > this.epoch) this.generation += 1;
      this.epoch = Math.max(this.epoch, epoch);
    });
  }

  drop(ids: readonly string[]): Promise<void> {
    return this.call(() => {
      this.write({ copies: without(this.contents.copies, ids), leases: without(this.contents.leases, ids) });
    });
  }

  update({ id, expectedVersion, data }: SessionDataChange): Promise<UpdateOutcome> {
    return this.call(() => {
      const copy = this.contents.copies.get(id);
      if (!copy) return { applied: false, reason: 'absent' };
      if (copy.record.version !== expectedVersion) {
        return { applied: false, reason: 'conflict', record: copy.record, now: this.now };
      }
      const record = { ...copy.record, data, version: expectedVersion + 1 };
      this.write({ copies: withEntry(this.contents.copies, id, { ...copy, record }) });
      return { applied: true, record, now: this.now };
    });
  }

  touch({ id }: SessionTouch): Promise<boolean> {
    return this.call(() => this.contents.copies.has(id));
  }

  /** In the order of the ids, few at a time, so that much can happen between two pages. */
  scanCopies({ cursor = '' }: { readonly cursor?: string }): Promise<HotCopyPage> {
    return this.call(() => {
      const ids = [...this.contents.copies.keys()].toSorted().filter((id) => id > cursor);
      const page = ids.slice(0, PAGE);
      const last = page.at(-1);
      return { copies: page.flatMap((id) => this.describe(id)), ...(ids.length > PAGE && last && { cursor: last }) };
    });
  }

  listCopiesOfUser(userId: string): Promise<readonly HotCopy[]> {
    return this.call(() =>
      [...this.contents.copies.keys()]
        .filter((id) => userReferenceOf(id) === userReferenceFor(userId))
        .flatMap((id) => this.describe(id)),
    );
  }

  keepRevocation(revocation: AnyRevocation): Promise<void> {
    return this.call(() => {
      const named = [...this.contents.copies].filter(([id, { record }]) =>
        'id' in revocation
          ? id === revocation.id && (revocation.userId === undefined || revocation.userId === record.userId)
          : !('issuer' in revocation) && record.userId === revocation.userId && id !== revocation.exceptId,
      );
      const ids = named.map(([id]) => id);
      this.write({
        copies: without(this.contents.copies, ids),
        leases: without(this.contents.leases, 'id' in revocation ? [...ids, revocation.id] : ids),
        kept: withEntry(this.contents.kept, String((this.serial += 1)), revocation),
      });
    });
  }

  listKeptRevocations(limit: number): Promise<readonly KeptRevocation[]> {
    return this.call(() =>
      [...this.contents.kept].slice(0, limit).map(([key, revocation]) => ({ key, revocation, ageMs: 0 })),
    );
  }

  forgetRevocations(keys: readonly string[]): Promise<void> {
    return this.call(() => this.write({ kept: without(this.contents.kept, keys) }));
  }

  async start(): Promise<void> {}
  async stop(): Promise<void> {}

  private describe(id: string): HotCopy[] {
    const copy = this.contents.copies.get(id);
    if (!copy) return [];
    const { userId, tokenHash } = copy.record;
    return [{ id, userId, tokenHash, isBelieved: copy.generation === this.generation }];
  }

  private write(change: Partial<Contents>): void {
    this.contents = { ...this.contents, ...change };
  }
}

function withEntry<V>(map: ReadonlyMap<string, V>, key: string, value: V): ReadonlyMap<string, V> {
  return new Map([...map, [key, value]]);
}

function without<V>(map: ReadonlyMap<string, V>, keys: readonly string[]): ReadonlyMap<string, V> {
  return new Map([...map].filter(([key]) => !keys.includes(key)));
}

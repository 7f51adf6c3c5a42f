import type {
  AnyRevocation,
  HotCopy,
  HotCopyPage,
  HotLease,
  HotPromotion,
  HotRead,
  HotSessions,
  KeptRevocation,
} from '#src/core/ports/hot-sessions.js';
import { patchData, pickData } from '#src/core/session/session-data.js';
import { userReferenceFor, userReferenceOf } from '#src/core/session/session-id.js';
import type { SessionRecord, LiveSession } from '#src/core/session/session-record.js';
import type { SessionDataChange, SessionTouch, UpdateOutcome } from '#src/core/ports/session-store.js';
import type { SimulatedClock } from './simulated-clock.js';
import { SimulatedEpoch } from './simulated-epoch.js';
import { without, withEntry, type Copy, type SimulatedRedis } from './simulated-redis.js';
import { SimulatedSide, type SimulatedParts } from './simulated-side.js';

const PAGE = 2;

/** Redis as one instance of the hybrid store sees it. */
export class SimulatedHot extends SimulatedSide implements HotSessions {
  readonly epoch: SimulatedEpoch;

  private readonly clock: SimulatedClock;

  constructor(
    private readonly redis: SimulatedRedis,
    parts: SimulatedParts,
  ) {
    super('redis', parts, redis.link);
    this.clock = parts.clock;
    this.epoch = new SimulatedEpoch(this, redis, parts);
  }

  read(id: string): Promise<HotRead> {
    return this.callInEpoch((epoch) => {
      const copy = this.redis.contents.copies.get(id);
      if (!copy || copy.generation !== this.redis.generationIn(epoch)) return { state: 'unconfirmed' };
      return { state: 'believed', record: copy.record, now: this.clock.now() };
    });
  }

  lease(id: string): Promise<HotLease> {
    return this.callInEpoch((epoch) => {
      const owner = String(this.redis.nextSerial());
      const generation = this.redis.generationIn(epoch);
      this.redis.write({ leases: withEntry(this.redis.contents.leases, id, { owner, generation }) });
      return { id, owner, generation, now: this.clock.now() };
    });
  }

  async promote(promotion: HotPromotion): Promise<LiveSession | undefined> {
    const { data, durableData: { keys } = { keys: [] } } = promotion;
    const promoted = await this.promoteUnlessBehind(promotion);
    if (!promoted || 'record' in promoted) return promoted;
    const { record } = promoted.behind;
    const merged = patchData(record.data, { unset: keys, set: pickData(data, keys) });
    const replacing = await this.promoteUnlessBehind({ ...promotion, data: merged }, record.version);
    return replacing && 'record' in replacing ? replacing : undefined;
  }

  /** @param replaced - Version of the copy whose data is replaced. */
  private promoteUnlessBehind(
    { lease, live, data, durableData, isNew }: HotPromotion,
    replaced?: number,
  ): Promise<LiveSession | { readonly behind: Copy } | undefined> {
    return this.callInEpoch((epoch) => {
      const { process } = this.redis;
      const generation = this.redis.generationIn(epoch);
      const standing = this.redis.contents.leases.get(lease.id);
      if (standing?.owner !== lease.owner) return undefined;
      if (standing.generation !== generation || lease.generation !== generation) return undefined;
      const copy = this.redis.contents.copies.get(lease.id);
      if (replaced !== undefined && copy?.record.version !== replaced) return undefined;
      if (copy && replaced === undefined && copy.record.version < (durableData?.version ?? 0)) {
        this.redis.behind += 1;
        return { behind: copy };
      }
      const isCountedHere = copy?.process === process && copy.epoch === epoch && replaced === undefined;
      const record = {
        ...live.record,
        data: replaced === undefined ? (copy?.record.data ?? data) : data,
        version: isCountedHere
          ? countOn(copy.record, live.record)
          : isNew
            ? live.record.version
            : 1_000 + this.redis.nextSerial() * 1_000,
      };
      this.redis.write({
        copies: withEntry(this.redis.contents.copies, lease.id, { record, generation, epoch, process }),
        leases: without(this.redis.contents.leases, [lease.id]),
      });
      return { record, now: this.clock.now() };
    });
  }

  unconfirm(ids: readonly string[]): Promise<void> {
    return this.call(() => {
      let { copies } = this.redis.contents;
      for (const id of ids) {
        const copy = copies.get(id);
        if (copy) copies = withEntry(copies, id, unbelieved(copy));
      }
      this.redis.write({ copies, leases: without(this.redis.contents.leases, ids) });
    });
  }

  unconfirmUser(userId: string): Promise<void> {
    return this.call(() => this.unconfirmNow(userId));
  }

  advanceEpoch(epoch: number): Promise<void> {
    return this.epoch.advance(epoch);
  }

  followEpoch(epoch: number): Promise<void> {
    return this.epoch.follow(epoch);
  }

  drop(ids: readonly string[]): Promise<void> {
    return this.call(() => {
      this.redis.write({
        copies: without(this.redis.contents.copies, ids),
        leases: without(this.redis.contents.leases, ids),
      });
    });
  }

  update({ id, expectedVersion, data }: SessionDataChange): Promise<UpdateOutcome> {
    return this.callInEpoch((epoch) => {
      const copy = this.redis.contents.copies.get(id);
      if (!copy || copy.epoch < epoch || copy.process !== this.redis.process) {
        return { applied: false, reason: 'absent' };
      }
      if (copy.record.version !== expectedVersion) {
        return { applied: false, reason: 'conflict', record: copy.record, now: this.clock.now() };
      }
      const record = { ...copy.record, data, version: expectedVersion + 1 };
      this.redis.write({ copies: withEntry(this.redis.contents.copies, id, { ...copy, record }) });
      return { applied: true, record, now: this.clock.now() };
    });
  }

  touch({ id }: SessionTouch): Promise<boolean> {
    return this.callInEpoch((epoch) => (this.redis.contents.copies.get(id)?.epoch ?? -1) >= epoch);
  }

  /** Lists by id, a few at a time, so that much can happen between two pages. */
  scanCopies({ cursor = '' }: { readonly cursor?: string }): Promise<HotCopyPage> {
    return this.callInEpoch((epoch) => {
      const ids = [...this.redis.contents.copies.keys()].toSorted().filter((id) => id > cursor);
      const page = ids.slice(0, PAGE);
      const last = page.at(-1);
      return {
        copies: page.flatMap((id) => this.describe(id, epoch)),
        ...(ids.length > PAGE && last && { cursor: last }),
      };
    });
  }

  listCopiesOfUser(userId: string): Promise<readonly HotCopy[]> {
    return this.callInEpoch((epoch) =>
      [...this.redis.contents.copies.keys()]
        .filter((id) => userReferenceOf(id) === userReferenceFor(userId))
        .flatMap((id) => this.describe(id, epoch)),
    );
  }

  keepRevocation(revocation: AnyRevocation): Promise<void> {
    return this.call(() => {
      const named = [...this.redis.contents.copies].filter(([id, { record }]) =>
        'id' in revocation
          ? id === revocation.id && (revocation.userId === undefined || revocation.userId === record.userId)
          : !('issuer' in revocation) && record.userId === revocation.userId && id !== revocation.exceptId,
      );
      const ids = named.map(([id]) => id);
      this.redis.write({
        copies: without(this.redis.contents.copies, ids),
        leases: without(this.redis.contents.leases, 'id' in revocation ? [...ids, revocation.id] : ids),
        kept: withEntry(this.redis.contents.kept, String(this.redis.nextSerial()), {
          revocation,
          atMs: this.clock.nowMs,
        }),
      });
      if ('issuer' in revocation && revocation.userId !== undefined) this.unconfirmNow(revocation.userId);
    });
  }

  listKeptRevocations(limit: number): Promise<readonly KeptRevocation[]> {
    return this.call(() =>
      [...this.redis.contents.kept]
        .slice(0, limit)
        .map(([key, { revocation, atMs }]) => ({ key, revocation, ageMs: this.clock.nowMs - atMs })),
    );
  }

  forgetRevocations(keys: readonly string[]): Promise<void> {
    return this.call(() => this.redis.write({ kept: without(this.redis.contents.kept, keys) }));
  }

  async start(): Promise<void> {}
  async stop(): Promise<void> {}

  private async callInEpoch<T>(effect: (epoch: number) => T): Promise<T> {
    const epoch = await this.epoch.current();
    return this.call(() => effect(epoch));
  }

  private unconfirmNow(userId: string): void {
    const copies = [...this.redis.contents.copies].map(([id, copy]): [string, Copy] =>
      copy.record.userId === userId ? [id, unbelieved(copy)] : [id, copy],
    );
    const leased = [...this.redis.contents.leases.keys()];
    this.redis.write({
      copies: new Map(copies),
      leases: without(
        this.redis.contents.leases,
        leased.filter((id) => userReferenceOf(id) === userReferenceFor(userId)),
      ),
    });
  }

  private describe(id: string, epoch: number): HotCopy[] {
    const copy = this.redis.contents.copies.get(id);
    if (!copy) return [];
    const { userId, tokenHash } = copy.record;
    return [{ id, userId, tokenHash, isBelieved: copy.generation === this.redis.generationIn(epoch) }];
  }
}

function unbelieved({ record, epoch, process }: Copy): Copy {
  return { record, epoch, process };
}

function countOn(copy: SessionRecord, durable: SessionRecord): number {
  const changes = Buffer.compare(copy.tokenHash, durable.tokenHash) === 0 ? 0 : 1;
  return Math.max(copy.version + changes, durable.version);
}

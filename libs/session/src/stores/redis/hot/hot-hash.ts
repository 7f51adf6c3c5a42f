import { randomBytes } from 'node:crypto';
import type { HotLease, HotPromotion } from '../../../core/ports/hot-sessions.js';
import { patchData, pickData } from '../../../core/session/session-data.js';
import type { LiveSession } from '../../../core/session/session-record.js';
import type { SessionLogger } from '../../../core/support/logger.js';
import { encodeActivity, encodeRecord } from '../schema/record-format.js';
import type { RedisBackend } from '../connection/redis-backend.js';
import { ForeignKeys } from '../schema/foreign-keys.js';
import { unavailable } from '../connection/redis-errors.js';
import { readInstant, readLive } from '../schema/script-replies.js';
import type { SessionKeys } from '../schema/session-keys.js';

const OWNER_BYTES = 9;

/**
 * Leases and confirmations in the hashes of sessions, without deadlines. A copy has the fields of a session and `<id>:g`,
 * the generation that it was confirmed on; `<id>:l` is the lease, with or without a copy beside it.
 *
 * Everything may run late or twice: a lease of which nobody knows is only in the way of others, a promotion needs a lease
 * that stands, and to take belief or a copy away costs a read of the durable side.
 */
export class HotHash {
  private readonly foreign: ForeignKeys;

  constructor(
    private readonly backend: RedisBackend,
    private readonly keys: SessionKeys,
    logger: SessionLogger,
  ) {
    this.foreign = new ForeignKeys(logger);
  }

  async lease(id: string): Promise<HotLease> {
    const owner = randomBytes(OWNER_BYTES).toString('base64url');
    const [status, now, generation = ''] = await this.backend.runScript('hotLease', this.keys.of(id), [id, owner]);
    if (status !== 'given') throw unavailable('the server is a replica, or does not tell its replication id');
    return { id, owner, generation, now: readInstant(now) };
  }

  async promote(promotion: HotPromotion): Promise<LiveSession | undefined> {
    const { data, durableData } = promotion;
    const promoted = await this.runPromote(promotion);
    if (promoted.status !== 'behind' || !durableData) return promoted.copy;
    if (!promoted.copy) return undefined;
    const { record } = promoted.copy;
    const { keys } = durableData;
    const merged = patchData(record.data, { unset: keys, set: pickData(data, keys) });
    return (await this.runPromote({ ...promotion, data: merged }, record.version)).copy;
  }

  /** @param replacedVersion - Of the copy whose data is replaced, if it still has that version. Default none. */
  private async runPromote(
    { lease, live, data, durableData, isNew = false }: HotPromotion,
    replacedVersion?: number,
  ): Promise<{ readonly status: string | undefined; readonly copy: LiveSession | undefined }> {
    const { id, owner, generation } = lease;
    const [status, ...reply] = await this.backend.runScript('hotPromote', this.keys.of(id), [
      id,
      owner,
      generation,
      String(lease.now.getTime()),
      encodeRecord({ ...live.record, data }),
      encodeActivity(live.record),
      String(live.now.getTime()),
      isNew ? '1' : '',
      String(durableData?.version ?? 0),
      String(replacedVersion ?? ''),
    ]);
    if (status === 'lost') return { status, copy: undefined };
    const copy = readLive(id, reply);
    // The script keeps data that it does not look into and that cannot be read: the next attempt starts from nothing.
    if (!copy) await this.drop([id]);
    return { status, copy };
  }

  async unconfirm(ids: readonly string[]): Promise<void> {
    await this.remove(ids, (id) => [`${id}:g`, `${id}:l`]);
  }

  /** @param exceptId - Is left as it is. */
  async unconfirmUser(userId: string, exceptId = ''): Promise<void> {
    const key = this.keys.ofUser(userId);
    await this.foreign.skip(key, {
      work: () => this.backend.runScript('hotUnconfirmUser', key, [exceptId]),
      absent: () => [],
    });
  }

  async drop(ids: readonly string[]): Promise<void> {
    await this.remove(ids, (id) => [id, `${id}:t`, `${id}:g`, `${id}:l`]);
  }

  private async remove(ids: readonly string[], fieldsOf: (id: string) => string[]): Promise<void> {
    const fieldsByKey = new Map<string, string[]>();
    for (const id of new Set(ids)) {
      const key = this.keys.of(id);
      fieldsByKey.set(key, [...(fieldsByKey.get(key) ?? []), ...fieldsOf(id)]);
    }
    await Promise.all(
      [...fieldsByKey].map(([key, fields]) =>
        this.foreign.skip(key, { work: () => this.backend.removeFields(key, fields), absent: () => undefined }),
      ),
    );
  }
}

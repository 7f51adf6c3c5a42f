import type { HotRead } from '../../../core/ports/hot-sessions.js';
import type { RedisBackend } from '../connection/redis-backend.js';
import { hasReplyCode } from '../connection/redis-errors.js';
import type { SessionKeys } from '../schema/session-keys.js';
import { findConfirmed, judge, UNCONFIRMED, type CopyFields, type CopyReader } from './copy-reader.js';
import type { GenerationWatch } from './generation-watch.js';
import { inEpoch } from './server-generation.js';

/** For a client with one connection to one server: one `HMGET`, believed by what is known of the connection. */
export class ConnectionCopyReader implements CopyReader {
  constructor(
    private readonly backend: RedisBackend,
    private readonly keys: SessionKeys,
    private readonly watch: GenerationWatch,
  ) {}

  async read(id: string): Promise<HotRead> {
    const epoch = await this.backend.floor.current();
    const known = await this.watch.find();
    if (known?.generation === undefined) return UNCONFIRMED;
    const record = findConfirmed(id, await this.readFields(id), inEpoch(known.generation, epoch));
    if (!record) return UNCONFIRMED;
    const nowMs = await this.backend.clock.latestMs();
    return this.watch.isCurrent(known) ? judge(record, nowMs) : UNCONFIRMED;
  }

  private async readFields(id: string): Promise<CopyFields> {
    try {
      const fields = await this.backend.readFields(this.keys.of(id), id, `${id}:t`, `${id}:g`);
      const [value = null, activity = null, confirmedOn = null] = fields;
      return { value, activity, confirmedOn };
    } catch (error) {
      // Somebody else's string or list is under our key: that is no copy, and no outage either.
      if (hasReplyCode(error, 'WRONGTYPE')) return { value: null, activity: null, confirmedOn: null };
      throw error;
    }
  }
}

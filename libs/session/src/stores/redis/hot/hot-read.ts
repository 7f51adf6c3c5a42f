import type { HotRead } from '../../../core/ports/hot-sessions.js';
import type { SessionRecord } from '../../../core/session/session-record.js';
import type { RedisBackend } from '../connection/redis-backend.js';
import { hasReplyCode } from '../connection/redis-errors.js';
import { decodeRecord } from '../schema/record-format.js';
import type { SessionKeys } from '../schema/session-keys.js';
import { inEpoch, type GenerationWatch } from './generation-watch.js';

/** Reads one hot copy and says whether it is to be believed. One round trip, no write. */
export interface CopyReader {
  read(id: string): Promise<HotRead>;
}

const UNCONFIRMED: HotRead = { state: 'unconfirmed' };

/** The fields of one copy, empty or `null` where there is none. */
interface CopyFields {
  readonly value: string | null;
  readonly activity: string | null;
  readonly confirmedOn: string | null;
}

/** For a client with one connection to one server: one `HMGET`, believed by what is known of the connection. */
export class ConnectionCopyReader implements CopyReader {
  constructor(
    private readonly backend: RedisBackend,
    private readonly keys: SessionKeys,
    private readonly watch: GenerationWatch,
  ) {}

  async read(id: string): Promise<HotRead> {
    const epoch = await this.backend.cutoff.current();
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

/**
 * For a Cluster, where the client decides per command which node answers and follows redirections: `hot-read.lua` reads
 * the copy together with the generation and the time of the node that it runs on.
 */
export class ScriptCopyReader implements CopyReader {
  constructor(
    private readonly backend: RedisBackend,
    private readonly keys: SessionKeys,
  ) {}

  async read(id: string): Promise<HotRead> {
    const reply = await this.backend.runScript('hotRead', this.keys.of(id), [id]);
    const [now, value = '', activity = '', confirmedOn = '', generation] = reply;
    const record = findConfirmed(id, { value, activity, confirmedOn }, generation);
    return record ? judge(record, Number(now)) : UNCONFIRMED;
  }
}

/** The copy's record, if it was confirmed on this generation and can be read. */
function findConfirmed(
  id: string,
  { value, activity, confirmedOn }: CopyFields,
  generation: string | undefined,
): SessionRecord | undefined {
  if (!value || !generation || confirmedOn !== generation) return undefined;
  return decodeRecord(id, value, activity);
}

/**
 * What is said of a confirmed copy at a moment of the server's time. One that was idle for too long is not believed:
 * while this side did not answer, the durable side may have seen the session.
 */
function judge(record: SessionRecord, nowMs: number): HotRead {
  if (nowMs >= record.absoluteExpiresAt.getTime()) return { state: 'expired' };
  if (nowMs >= record.expiresAt.getTime()) return UNCONFIRMED;
  return { state: 'believed', record, now: new Date(nowMs) };
}

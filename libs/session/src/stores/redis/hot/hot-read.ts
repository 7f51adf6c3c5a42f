import type { HotRead } from '../../../core/ports/hot-sessions.js';
import type { SessionRecord } from '../../../core/session/session-record.js';
import type { RedisBackend } from '../connection/redis-backend.js';
import { hasReplyCode } from '../connection/redis-errors.js';
import { decodeRecord } from '../schema/record-format.js';
import type { SessionKeys } from '../schema/session-keys.js';
import { inEpoch, type GenerationWatch } from './generation-watch.js';

/** Reads one hot copy and decides whether it is believed. One round trip, no write. */
export interface CopyReader {
  read(id: string): Promise<HotRead>;
}

const UNCONFIRMED: HotRead = { state: 'unconfirmed' };

/** The fields of one copy, empty or `null` when missing. */
interface CopyFields {
  readonly value: string | null;
  readonly activity: string | null;
  readonly confirmedOn: string | null;
}

/** For a client with one connection to one server: one `HMGET`, compared with the known generation of that server. */
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
      // Another program wrote a string or list to this key: it is no copy, and no outage.
      if (hasReplyCode(error, 'WRONGTYPE')) return { value: null, activity: null, confirmedOn: null };
      throw error;
    }
  }
}

/**
 * For a Cluster, whose client chooses a node for each command and follows redirections. `hot-read.lua` reads the copy
 * together with the generation and the time of the node that it runs on.
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

/** Returns the copy's record if this generation confirmed it and it can be decoded. */
function findConfirmed(
  id: string,
  { value, activity, confirmedOn }: CopyFields,
  generation: string | undefined,
): SessionRecord | undefined {
  if (!value || !generation || confirmedOn !== generation) return undefined;
  return decodeRecord(id, value, activity);
}

/**
 * Judges a confirmed copy at a moment of the server's time. A copy past its idle timeout is unconfirmed, not expired:
 * the durable side may have seen the session during an outage of Redis.
 */
function judge(record: SessionRecord, nowMs: number): HotRead {
  if (nowMs >= record.absoluteExpiresAt.getTime()) return { state: 'expired' };
  if (nowMs >= record.expiresAt.getTime()) return UNCONFIRMED;
  return { state: 'believed', record, now: new Date(nowMs) };
}

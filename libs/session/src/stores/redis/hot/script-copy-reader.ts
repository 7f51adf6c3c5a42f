import type { HotRead } from '../../../core/ports/hot-sessions.js';
import type { RedisBackend } from '../connection/redis-backend.js';
import type { SessionKeys } from '../schema/session-keys.js';
import { findConfirmed, judge, UNCONFIRMED, type CopyReader } from './copy-reader.js';

/**
 * For a Cluster, where the client decides per command which node answers and follows redirections: a script that reads
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

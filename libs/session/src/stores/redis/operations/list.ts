import type { SessionList, SessionListQuery } from '../../../core/ports/session-store.js';
import { containsJson } from '../../../core/session/session-data.js';
import type { SessionRecord } from '../../../core/session/session-record.js';
import { decodeRecord, encodeUserId } from '../schema/record-format.js';
import { readInstant } from '../schema/script-replies.js';
import type { SessionHashes } from './session-hashes.js';

/** Returns the user's live sessions by `list.lua`. Filters by data here: scripts never decode JSON. */
export async function listSessions(
  hashes: SessionHashes,
  { userId, dataContains = {} }: SessionListQuery,
): Promise<SessionList> {
  const { backend, keys, logger } = hashes;
  const reply = await hashes.runScript('list', keys.ofUser(userId), [encodeUserId(userId)]);
  if (!reply) return { now: new Date(await backend.clock.latestMs()), records: [] };
  const { now, records, undecodable } = readList(reply);
  if (undecodable.length > 0) {
    logger.warn(`a list omits sessions that cannot be decoded: ${undecodable.join(', ')}`);
  }
  return { now, records: records.filter(({ data }) => containsJson(data, dataContains)) };
}

/** Reads `now, count of undecodable, their ids, then id, record, activity of each session`. */
function readList([now, count = '0', ...rest]: readonly string[]) {
  const undecodable = rest.slice(0, Number(count));
  const records: SessionRecord[] = [];
  for (let i = undecodable.length; i < rest.length; i += 3) {
    const [id = '', value = '', activity = ''] = rest.slice(i, i + 3);
    const record = decodeRecord(id, value, activity);
    if (record) records.push(record);
    else undecodable.push(id);
  }
  return { now: readInstant(now), records, undecodable };
}

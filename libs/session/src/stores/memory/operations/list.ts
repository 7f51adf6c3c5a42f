import type { SessionList, SessionListQuery } from '../../../core/ports/session-store.js';
import { containsJson } from '../../../core/session/session-data.js';
import { toRecord, type SessionMap } from '../records/session-map.js';

/** Lists the user's live sessions whose data contains `dataContains`. Without it, all of them. */
export function listSessions(sessions: SessionMap, { userId, dataContains = {} }: SessionListQuery): SessionList {
  const now = sessions.now();
  const records = sessions.listLiveOfUser(userId, now).map(toRecord);
  return { records: records.filter(({ data }) => containsJson(data, dataContains)), now };
}

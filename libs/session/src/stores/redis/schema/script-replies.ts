import type {
  EndedSession,
  SessionEndReason,
  SessionRecord,
  LiveSession,
} from '../../../core/session/session-record.js';
import { decodeRecord, decodeUserId } from './record-format.js';

/** What a list script answered: sessions, and ids of those that cannot be read. */
export interface ListedSessions {
  readonly now: Date;
  readonly records: readonly SessionRecord[];
  readonly undecodable: readonly string[];
}

/** Reads `now, record, activity`; `undefined` when the record, live for the script, cannot be decoded. */
export function readLive(id: string, [now, value = '', activity = '']: readonly string[]): LiveSession | undefined {
  const record = decodeRecord(id, value, activity);
  return record && { record, now: readInstant(now) };
}

/** Reads triples of id, user and reason. */
export function readEnded(now: Date, triples: readonly string[]): EndedSession[] {
  const ended: EndedSession[] = [];
  for (let i = 0; i < triples.length; i += 3) {
    const [id = '', user = '', reason] = triples.slice(i, i + 3);
    ended.push({
      id,
      userId: decodeUserId(user),
      endedAt: now,
      endReason: reason as SessionEndReason,
      endedBy: null,
    });
  }
  return ended;
}

/** Reads `now, count of undecodable, their ids, then id, record, activity of each session`. */
export function readList([now, count = '0', ...rest]: readonly string[]): ListedSessions {
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

export function readInstant(text: string | undefined): Date {
  return new Date(Number(text));
}

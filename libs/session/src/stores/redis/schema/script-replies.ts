import type { EndedSession, LiveSession, SessionEndReason } from '../../../core/session/session-record.js';
import { decodeRecord, decodeUserId } from './record-format.js';

/**
 * Reads `now, record, activity`. Returns `undefined` when this process cannot decode a record that the script found
 * live.
 */
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

export function readInstant(text: string | undefined): Date {
  return new Date(Number(text));
}

import type { HotRead } from '../../../core/ports/hot-sessions.js';
import type { SessionRecord } from '../../../core/session/session-record.js';
import { decodeRecord } from '../schema/record-format.js';

/** Reads one hot copy and says whether it is to be believed. One round trip, no write. */
export interface CopyReader {
  read(id: string): Promise<HotRead>;
}

export const UNCONFIRMED: HotRead = { state: 'unconfirmed' };

/** The fields of one copy, empty or `null` where there is none. */
export interface CopyFields {
  readonly value: string | null;
  readonly activity: string | null;
  readonly confirmedOn: string | null;
}

/** The copy's record, if it was confirmed on this generation and can be read. */
export function findConfirmed(
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
export function judge(record: SessionRecord, nowMs: number): HotRead {
  if (nowMs >= record.absoluteExpiresAt.getTime()) return { state: 'expired' };
  if (nowMs >= record.expiresAt.getTime()) return UNCONFIRMED;
  return { state: 'believed', record, now: new Date(nowMs) };
}

import type { FindOutcome } from '../../../core/ports/session-store.js';
import { decodeRecord } from '../schema/record-format.js';
import type { SessionHashes } from './session-hashes.js';

/**
 * Reads one session by one `HMGET`. The cutoff and the server's time, which decide whether it is live, cost no command.
 */
export async function findSession(hashes: SessionHashes, id: string): Promise<FindOutcome> {
  const { cutoff, clock } = hashes.backend;
  if (cutoff.known() === undefined) await cutoff.current();
  const fields = await hashes.readFields(id);
  if (!fields) return { live: false, reason: 'undecodable' };
  const [value, activity] = fields;
  if (typeof value !== 'string') return { live: false, reason: 'unknown' };
  const record = decodeRecord(id, value, activity);
  if (!record) return { live: false, reason: 'undecodable' };
  if (record.createdAt.getTime() < cutoff.seen) return { live: false, reason: 'ended' };
  const nowMs = clock.knownLatestMs() ?? (await clock.latestMs());
  const expiresAtMs = Math.min(record.expiresAt.getTime(), record.absoluteExpiresAt.getTime());
  return nowMs < expiresAtMs ? { live: true, record, now: new Date(nowMs) } : { live: false, reason: 'expired' };
}

import type { FindOutcome } from '../../../core/ports/session-store.js';
import { decodeRecord } from '../schema/record-format.js';
import type { SessionHashes } from './session-hashes.js';

/** One `HMGET`, compared with the cutoff and with the server's time, neither of which costs a command. */
export async function findSession(hashes: SessionHashes, id: string): Promise<FindOutcome> {
  const { cutoff, clock } = hashes.backend;
  await cutoff.current();
  const fields = await hashes.readFields(id);
  if (!fields) return { live: false, reason: 'undecodable' };
  const [value = null, activity = null] = fields;
  if (value === null) return { live: false, reason: 'unknown' };
  const record = decodeRecord(id, value, activity);
  if (!record) return { live: false, reason: 'undecodable' };
  if (record.createdAt.getTime() < cutoff.seen) return { live: false, reason: 'ended' };
  const nowMs = await clock.latestMs();
  const expiresAtMs = Math.min(record.expiresAt.getTime(), record.absoluteExpiresAt.getTime());
  return nowMs < expiresAtMs ? { live: true, record, now: new Date(nowMs) } : { live: false, reason: 'expired' };
}

import { randomBytes } from 'node:crypto';
import type { SessionDataChange, UpdateOutcome } from '../../../core/ports/session-store.js';
import { readLive } from '../schema/script-replies.js';
import type { SessionHashes } from './session-hashes.js';

const CHANGE_ID_BYTES = 6;

/** Replaces the data by `update.lua`, if the version is still the expected one. */
export async function updateSession(
  hashes: SessionHashes,
  { id, expectedVersion, data }: SessionDataChange,
  deadlineAtMs: number,
): Promise<UpdateOutcome> {
  const changeId = randomBytes(CHANGE_ID_BYTES).toString('base64url');
  const args = [id, String(expectedVersion), JSON.stringify(data), changeId];
  const [status = 'absent', ...reply] =
    (await hashes.runBefore(deadlineAtMs, {
      name: 'update',
      key: hashes.keys.of(id),
      argsFor: (notAfter) => [...args, notAfter],
    })) ?? [];
  const live = status === 'absent' ? undefined : readLive(id, reply);
  if (!live) return { applied: false, reason: 'absent' };
  return status === 'applied' ? { applied: true, ...live } : { applied: false, reason: 'conflict', ...live };
}

import { randomBytes } from 'node:crypto';
import type { HotLease } from '../../../core/ports/hot-sessions.js';
import { unavailable } from '../connection/redis-errors.js';
import type { SessionHashes } from '../operations/session-hashes.js';
import { readInstant } from '../schema/script-replies.js';

const OWNER_BYTES = 9;

/** Takes the lease of a session by `hot-lease.lua`. A late or repeated run only costs another instance its lease. */
export async function leaseCopy({ backend, keys }: SessionHashes, id: string): Promise<HotLease> {
  const owner = randomBytes(OWNER_BYTES).toString('base64url');
  const [status, now, generation = ''] = await backend.runScript('hotLease', keys.of(id), [id, owner]);
  if (status !== 'given') throw unavailable('the server is a replica, or hides its replication id');
  return { id, owner, generation, now: readInstant(now) };
}

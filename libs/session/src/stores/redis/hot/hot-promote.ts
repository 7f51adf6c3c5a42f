import type { HotPromotion } from '../../../core/ports/hot-sessions.js';
import { patchData, pickData } from '../../../core/session/session-data.js';
import type { LiveSession } from '../../../core/session/session-record.js';
import type { SessionHashes } from '../operations/session-hashes.js';
import { encodeActivity, encodeRecord } from '../schema/record-format.js';
import { readLive } from '../schema/script-replies.js';
import { dropCopies } from './hot-unconfirm.js';

/**
 * Writes and confirms a copy by `hot-promote.lua`. When the existing copy's data is behind the durable side's, merges
 * both and runs the script again. A late or repeated run does nothing without the lease.
 */
export async function promoteCopy(hashes: SessionHashes, promotion: HotPromotion): Promise<LiveSession | undefined> {
  const { data, durableData } = promotion;
  const promoted = await runPromote(hashes, promotion);
  if (promoted.status !== 'behind' || !durableData) return promoted.copy;
  if (!promoted.copy) return undefined;
  const { record } = promoted.copy;
  const { keys } = durableData;
  const merged = patchData(record.data, { unset: keys, set: pickData(data, keys) });
  return (await runPromote(hashes, { ...promotion, data: merged }, record.version)).copy;
}

/**
 * @param replacedVersion - Version of the copy whose data is replaced, if it still has that version. Default: none is.
 */
async function runPromote(
  hashes: SessionHashes,
  { lease, live, data, durableData, isNew = false }: HotPromotion,
  replacedVersion?: number,
): Promise<{ readonly status: string | undefined; readonly copy: LiveSession | undefined }> {
  const { id, owner, generation } = lease;
  const [status, ...reply] = await hashes.backend.runScript('hotPromote', hashes.keys.of(id), [
    id,
    owner,
    generation,
    String(lease.now.getTime()),
    encodeRecord({ ...live.record, data }),
    encodeActivity(live.record),
    String(live.now.getTime()),
    isNew ? '1' : '',
    String(durableData?.version ?? 0),
    String(replacedVersion ?? ''),
  ]);
  if (status === 'lost') return { status, copy: undefined };
  const copy = readLive(id, reply);
  // The script kept data that it never decodes and that is unreadable. Without the copy, the next attempt starts anew.
  if (!copy) await dropCopies(hashes, [id]);
  return { status, copy };
}

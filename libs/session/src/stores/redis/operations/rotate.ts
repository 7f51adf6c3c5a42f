import type { RotateOutcome, SessionRotation } from '../../../core/ports/session-store.js';
import { encodeAuthentication, encodeHash } from '../schema/record-format.js';
import { readEnded, readLive } from '../schema/script-replies.js';
import { indexProviderSession } from './provider-index.js';
import type { SessionHashes } from './session-hashes.js';

/** Replaces the token hash by `rotate.lua`. A reauthentication first adds the session to its provider's index. */
export async function rotateSession(
  hashes: SessionHashes,
  rotation: SessionRotation,
  deadlineAtMs: number,
): Promise<RotateOutcome> {
  const { id, authentication: renewed, endOthers } = rotation;
  if (renewed) await indexProviderSession(hashes, { ...renewed, id }, deadlineAtMs);
  const tokenHashes = [encodeHash(rotation.expectedTokenHash), encodeHash(rotation.tokenHash)];
  const renewal = renewed
    ? [encodeAuthentication(renewed), String(renewed.idleTimeoutMs), String(renewed.absoluteTimeoutMs)]
    : ['', '', ''];
  const [status, now = '', value = '', activity = '', ...others] =
    (await hashes.runBefore(deadlineAtMs, {
      name: 'rotate',
      key: hashes.keys.of(id),
      argsFor: (notAfter) => [id, ...tokenHashes, notAfter, ...renewal, endOthers?.reason ?? ''],
    })) ?? [];
  if (status === 'superseded') return { applied: false, reason: 'superseded' };
  const live = status === 'applied' ? readLive(id, [now, value, activity]) : undefined;
  if (!live) return { applied: false, reason: 'absent' };
  const ended = readEnded(live.now, others).map((one) => ({ ...one, endedBy: endOthers?.endedBy ?? null }));
  return { applied: true, ...live, ended };
}

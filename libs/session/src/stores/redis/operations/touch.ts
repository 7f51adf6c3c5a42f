import type { SessionTouch } from '../../../core/ports/session-store.js';
import type { SessionHashes } from './session-hashes.js';

/** Records activity by `touch.lua`. Returns whether a live session moved. */
export async function touchSession(
  hashes: SessionHashes,
  { id, idleTimeoutMs, touchIntervalMs }: SessionTouch,
  deadlineAtMs: number,
): Promise<boolean> {
  const reply = await hashes.runBefore(deadlineAtMs, {
    name: 'touch',
    key: hashes.keys.of(id),
    argsFor: (notAfter) => [id, String(idleTimeoutMs), String(touchIntervalMs), notAfter],
  });
  return reply?.[0] === 'moved';
}

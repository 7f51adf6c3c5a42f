import { setTimeout as wait } from 'node:timers/promises';
import { revokeSession } from './end.js';
import type { OperationParts } from './session-hashes.js';

/** Attempts to drop a session whose creation had no answer. Each pause is twice the one before. */
const MAX_DISCARDS = 6;

/** Drops a session whose token was never handed out. If that fails, the session stays unused until it expires. */
export async function discard(parts: OperationParts, id: string): Promise<void> {
  await tryToDrop(parts, id).catch(() => undefined);
}

/**
 * Drops a session once Redis answers again. A creation without an answer may have applied, but only until its deadline,
 * so the first attempt waits for that and the first answer is final.
 */
export async function discardOnceBack(parts: OperationParts, id: string): Promise<void> {
  const { gate, signal } = parts;
  for (let attempt = 0; attempt < MAX_DISCARDS; attempt++) {
    await wait(gate.timeoutMs * 2 ** attempt, undefined, { ref: false, signal });
    const isAnswered = await tryToDrop(parts, id).then(
      () => true,
      () => false,
    );
    if (isAnswered) return;
  }
}

async function tryToDrop({ hashes, gate }: OperationParts, id: string): Promise<void> {
  await gate.run(() => revokeSession(hashes, { id, reason: 'revoked', endedBy: null }));
}

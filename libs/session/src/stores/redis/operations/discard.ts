import { setTimeout as wait } from 'node:timers/promises';
import { revokeSession } from './end.js';
import type { OperationParts } from './session-hashes.js';

/** Attempts to find out about a creation with a lost answer, each after twice the pause of the one before. */
const MAX_DISCARDS = 6;

/** Drops a session whose token was never handed out. Should that fail, it is of no use to anybody until it expires. */
export async function discard(parts: OperationParts, id: string): Promise<void> {
  await tryToDrop(parts, id).catch(() => undefined);
}

/**
 * A creation whose answer was lost with its connection may have applied until its deadline, and not after it: one
 * answer from then on settles the matter.
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

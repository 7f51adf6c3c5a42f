import type { TotalRevocation } from '../../../core/ports/session-store.js';
import type { EndedEverything } from '../../../core/session/session-record.js';
import type { OperationParts } from './session-hashes.js';

/** Raises the cutoff. Takes about 1.3 s: others go by the one that they know for up to a second. */
export async function endEverything(
  { hashes, gate, signal }: OperationParts,
  { before, reason, endedBy }: TotalRevocation,
): Promise<EndedEverything> {
  const { backend } = hashes;
  const cutoff = { instantMs: before && Math.ceil(before.getTime()) };
  const raised = await gate.run((deadlineAtMs) => backend.raiseCutoff(cutoff, deadlineAtMs));
  await backend.cutoff.outwait(raised, { gate, signal });
  return { before: new Date(raised.value), endReason: reason, endedBy };
}

/**
 * Names the history that a server's state belongs to: the replication id, which Redis draws anew when a process starts
 * and whenever a replica becomes the master, also one that was the master before and has resynchronised since (its
 * process, and so its `run_id`, is still the same then). The scripts read the same (`include/generation.lua`).
 *
 * @param replication - What `INFO replication` answered.
 * @returns `undefined` on a replica, and where the server does not tell.
 */
export function parseGeneration(replication: string): string | undefined {
  if (!replication.includes('role:master')) return undefined;
  return /master_replid:(\w+)/.exec(replication)?.[1];
}

/** Confirmed in another epoch of the durable side is as confirmed on another server; see `include/generation.lua`. */
export function inEpoch(generation: string | undefined, epoch: number): string | undefined {
  return generation !== undefined && epoch > 0 ? `${generation}x${epoch}` : generation;
}

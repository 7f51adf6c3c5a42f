import type { SessionHashes } from '../operations/session-hashes.js';

/**
 * Stops belief in copies and removes their leases, by one `HDEL` per user. A late run costs one read of the durable
 * side.
 */
export async function unconfirmCopies(hashes: SessionHashes, ids: readonly string[]): Promise<void> {
  await removeFields(hashes, ids, (id) => [`${id}:g`, `${id}:l`]);
}

/**
 * Stops belief in all copies of a user by `hot-unconfirm-user.lua`.
 *
 * @param exceptId - The session whose copy stays believed. Default: none.
 */
export async function unconfirmCopiesOfUser(hashes: SessionHashes, userId: string, exceptId = ''): Promise<void> {
  await hashes.runScript('hotUnconfirmUser', hashes.keys.ofUser(userId), [exceptId]);
}

/** Removes copies and their leases, by one `HDEL` per user. */
export async function dropCopies(hashes: SessionHashes, ids: readonly string[]): Promise<void> {
  await removeFields(hashes, ids, (id) => [id, `${id}:t`, `${id}:g`, `${id}:l`]);
}

async function removeFields(
  hashes: SessionHashes,
  ids: readonly string[],
  fieldsOf: (id: string) => string[],
): Promise<void> {
  const fieldsByKey = new Map<string, string[]>();
  for (const id of new Set(ids)) {
    const key = hashes.keys.of(id);
    fieldsByKey.set(key, [...(fieldsByKey.get(key) ?? []), ...fieldsOf(id)]);
  }
  await Promise.all([...fieldsByKey].map(([key, fields]) => hashes.removeFields(key, fields)));
}

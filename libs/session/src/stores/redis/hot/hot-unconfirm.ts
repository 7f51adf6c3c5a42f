import type { SessionHashes } from '../operations/session-hashes.js';

/** Fields of one `HDEL`. */
const MAX_FIELDS = 1_000;

/**
 * Stops belief in copies and removes their leases, by one `HDEL` for some hundred copies of a user. A late run costs one
 * read of the durable side.
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

/** Removes copies and their leases, by one `HDEL` for some hundred copies of a user. */
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
    const fields = fieldsByKey.get(key) ?? [];
    if (fields.length === 0) fieldsByKey.set(key, fields);
    fields.push(...fieldsOf(id));
  }
  const removals = [...fieldsByKey].flatMap(([key, fields]) => chunk(fields).map((some) => ({ key, some })));
  await Promise.all(removals.map(({ key, some }) => hashes.removeFields(key, some)));
}

/** The server answers nothing else during a command, so none removes more than some hundred copies. */
function chunk(fields: readonly string[]): string[][] {
  const chunks: string[][] = [];
  for (let start = 0; start < fields.length; start += MAX_FIELDS) chunks.push(fields.slice(start, start + MAX_FIELDS));
  return chunks;
}

import type { HotCopy, HotCopyPage } from '../../../core/ports/hot-sessions.js';
import { isSessionId } from '../../../core/session/session-id.js';
import { decodeUserId } from '../schema/record-format.js';
import { bindCommand, listMasters, type RedisClient } from '../connection/redis-client.js';
import type { SessionHashes } from '../operations/session-hashes.js';

const PARTS_OF_COPY = 4;

/** Where to go on, and about how many to look at. */
export interface CopyPage {
  readonly cursor?: string;
  readonly limit: number;
}

/** One master of a Cluster, or the only server there is, whose address may change. */
interface Master {
  readonly address: string;
  readonly client: RedisClient;
}

/** `hot-copies.lua`. */
export function listCopiesOfUser(hashes: SessionHashes, userId: string): Promise<HotCopy[]> {
  return listCopies(hashes, hashes.keys.ofUser(userId));
}

/**
 * Goes through the copies of all masters, one after the other in the order of their addresses, by `SCAN`. A cursor names
 * the master. When that one is a master no more, the next address is gone on with; a replica that took its place at an
 * address before that is left to the next run.
 */
export async function scanCopies(hashes: SessionHashes, { cursor, limit }: CopyPage): Promise<HotCopyPage> {
  const { backend } = hashes;
  backend.assertConnected();
  const [atAddress = '', atKey = '0'] = cursor?.split(' ') ?? [];
  const masters = listByAddress(backend.client).filter(({ address }) => address >= atAddress);
  const [master, following] = masters;
  if (!master) return { copies: [] };
  const from = master.address === atAddress ? atKey : '0';
  const { next, keys } = await scanKeys(hashes, master, { from, limit });
  const copies = await Promise.all(keys.map((key) => listCopies(hashes, key)));
  const goesOn = next === '0' ? following && `${following.address} 0` : `${master.address} ${next}`;
  return { copies: copies.flat(), ...(goesOn !== undefined && { cursor: goesOn }) };
}

async function scanKeys(
  { backend, keys }: SessionHashes,
  { client }: Master,
  { from, limit }: { readonly from: string; readonly limit: number },
) {
  const ownPrefix = (backend.client.options as { keyPrefix?: string }).keyPrefix ?? '';
  const scan = bindCommand(client, 'scan');
  const match = keys.pattern(ownPrefix);
  const reply = await scan(from, 'MATCH', match, 'COUNT', String(limit), 'TYPE', 'hash');
  if (!Array.isArray(reply) || !Array.isArray(reply[1])) throw new TypeError('SCAN did not answer with two parts');
  // A client puts its own prefix before the keys that it is given, but does not take it from those that it finds.
  const found = new Set(reply[1].map((key: unknown) => String(key).slice(ownPrefix.length)));
  return { next: String(reply[0]), keys: [...found].filter((key) => keys.isKey(key)) };
}

async function listCopies({ backend, keys }: SessionHashes, key: string): Promise<HotCopy[]> {
  const reply = await backend.runScript('hotCopies', key, []);
  const copies: HotCopy[] = [];
  for (let i = 0; i < reply.length; i += PARTS_OF_COPY) {
    const [id = '', hash = '', user = '', believed] = reply.slice(i, i + PARTS_OF_COPY);
    // What somebody else put under our key cannot be asked for, nor removed by its id.
    if (!isSessionId(id) || keys.of(id) !== key) continue;
    copies.push({
      id,
      userId: decodeUserId(user),
      tokenHash: new Uint8Array(Buffer.from(hash, 'base64url')),
      isBelieved: believed === '1',
    });
  }
  return copies;
}

function listByAddress(client: RedisClient): Master[] {
  if (!client.isCluster) return [{ address: 'server', client }];
  return listMasters(client)
    .map((one) => {
      const { host = '', port = '' } = one.options as { host?: string; port?: number };
      return { address: `${host}:${port}`, client: one };
    })
    .toSorted((a, b) => (a.address < b.address ? -1 : 1));
}

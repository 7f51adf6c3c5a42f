import type { HotCopy, HotCopyPage } from '../../../core/ports/hot-sessions.js';
import { isSessionId } from '../../../core/session/session-id.js';
import { decodeUserId } from '../schema/record-format.js';
import { bindCommand, listMasters, type RedisClient } from '../connection/redis-client.js';
import type { SessionHashes } from '../operations/session-hashes.js';

const PARTS_OF_COPY = 4;

/** Where a scan continues, and roughly how many keys it reads. */
export interface CopyPage {
  readonly cursor?: string;
  readonly limit: number;
}

/** One master of a Cluster, or the only server, whose address may change. */
interface Master {
  readonly address: string;
  readonly client: RedisClient;
}

/** Lists the copies of a user by `hot-copies.lua`, and those of other users with the same reference. */
export function listCopiesOfUser(hashes: SessionHashes, userId: string): Promise<HotCopy[]> {
  return listCopies(hashes, hashes.keys.ofUser(userId));
}

/**
 * Lists the copies of all masters page by page by `SCAN`, one master after the other in the order of their addresses.
 *  A cursor names the master. When it is no longer a master, the scan continues with the next address. A replica
 * promoted at an earlier address is left to the next run.
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
  // A client adds its own prefix to the keys of a command, and leaves it in the keys of a reply.
  const found = new Set(reply[1].map((key: unknown) => String(key).slice(ownPrefix.length)));
  return { next: String(reply[0]), keys: [...found].filter((key) => keys.isKey(key)) };
}

async function listCopies({ backend, keys }: SessionHashes, key: string): Promise<HotCopy[]> {
  const reply = await backend.runScript('hotCopies', key, []);
  const copies: HotCopy[] = [];
  for (let i = 0; i < reply.length; i += PARTS_OF_COPY) {
    const [id = '', hash = '', user = '', believed] = reply.slice(i, i + PARTS_OF_COPY);
    // A field that another program wrote has no valid id, or one of another key, so it cannot be read or dropped.
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

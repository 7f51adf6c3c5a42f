import { SessionConfigurationError, type SessionStoreUnavailableError } from '../../../core/session/session-errors.js';
import type { SessionLogger } from '../../../core/support/logger.js';
import { bindCommand, listMasters, type RedisClient } from './redis-client.js';
import type { RedisConnection } from './redis-connection.js';
import { describeRedisError, hasReplyCode, unavailable } from './redis-errors.js';

const OLDEST_SERVER = [6, 2] as const;
const REFUSALS = ['WRONGPASS', 'NOAUTH', 'ERR invalid password', 'ERR DB index'];

/**
 * Waits for the connection.
 *
 * @throws {SessionConfigurationError} The server refuses the credentials or the database.
 * @throws {SessionStoreUnavailableError} No answer in time.
 */
export async function waitUntilReady(connection: RedisConnection, timeoutMs: number): Promise<void> {
  const { client, address, option } = connection;
  let lastError: unknown;
  const onError = (error: unknown) => {
    lastError = error;
  };
  client.on('error', onError);
  try {
    await new Promise<void>((resolve, reject) => {
      const poll = () => {
        if (client.status === 'ready') return settle(resolve);
        const refused = REFUSALS.some((code) => hasReplyCode(lastError, code));
        if (refused) return settle(() => reject(refusedByServer(option, address, lastError)));
        if (client.status === 'end')
          return settle(() => reject(unreachable(address, 'the client is closed', lastError)));
      };
      const settle = (settled: () => void) => {
        clearTimeout(timer);
        for (const event of ['ready', 'error', 'end']) client.off(event, poll);
        settled();
      };
      const timer = setTimeout(() => {
        settle(() => reject(unreachable(address, `no answer within ${timeoutMs} ms`, lastError)));
      }, timeoutMs);
      for (const event of ['ready', 'error', 'end']) client.on(event, poll);
      if (client.status === 'wait') client.connect().catch(onError);
      poll();
    });
  } finally {
    client.off('error', onError);
  }
}

/**
 * Checks every master: rejects a server that is too old, warns of settings that would lose sessions. Skips servers that
 * forbid INFO.
 *
 * @throws {SessionConfigurationError} A server is older than Redis 6.2.
 */
export async function checkServers(connection: RedisConnection, logger: SessionLogger): Promise<void> {
  const infos = await Promise.all(listMasters(connection.client).map(readInfo));
  const known = infos.filter((info) => info !== undefined);
  for (const info of known) assertSupportedVersion(info, connection);
  const evicting = known
    .map((info) => info.get('maxmemory_policy'))
    .find((policy) => policy && policy !== 'noeviction');
  if (evicting) {
    logger.warn(
      `Redis at ${connection.address} has maxmemory-policy ${evicting}: when its memory is full it evicts sessions, and ` +
        'their users are signed out without a trace. Set it to noeviction, which rejects new sessions instead.',
    );
  }
  if (known.some((info) => info.get('role') === 'slave')) {
    logger.warn(`Redis at ${connection.address} is a replica: no session can be created until it becomes the master.`);
  }
}

/** Warns when a borrowed client has no error listener: ioredis then writes each error to the console. */
export function warnWithoutErrorListener({ client, isOwned, option }: RedisConnection, logger: SessionLogger): void {
  if (isOwned || client.listenerCount('error') > 0) return;
  logger.warn(`${option} has no 'error' listener. Add client.on('error', …) to see why a connection was lost.`);
}

function assertSupportedVersion(info: ReadonlyMap<string, string>, { option, address }: RedisConnection): void {
  const version = info.get('redis_version') ?? '';
  const [major = NaN, minor = NaN] = version.split('.').map(Number);
  if (!(major < OLDEST_SERVER[0] || (major === OLDEST_SERVER[0] && minor < OLDEST_SERVER[1]))) return;
  throw new SessionConfigurationError(
    option,
    `connects to Redis ${version} at ${address}. Use ${OLDEST_SERVER.join('.')} or newer.`,
  );
}

async function readInfo(client: RedisClient): Promise<ReadonlyMap<string, string> | undefined> {
  try {
    const lines = String(await bindCommand(client, 'info')()).split('\r\n');
    return new Map(lines.map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1)]));
  } catch (error) {
    if (hasReplyCode(error, 'NOPERM')) return undefined;
    throw error;
  }
}

function refusedByServer(option: string, address: string, cause: unknown): SessionConfigurationError {
  return new SessionConfigurationError(option, `is refused by Redis at ${address}: ${describeRedisError(cause)}`);
}

function unreachable(address: string, problem: string, lastError: unknown): SessionStoreUnavailableError {
  const detail = lastError === undefined ? '' : ` (${describeRedisError(lastError)})`;
  return unavailable(`Redis at ${address} cannot be reached: ${problem}${detail}. Is it running there?`, lastError);
}

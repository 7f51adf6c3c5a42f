import { createSessionId, userReferenceOf } from '../../../core/session/session-id.js';
import { SessionConfigurationError } from '../../../core/session/session-errors.js';
import type { SessionLogger } from '../../../core/support/logger.js';
import { checkServers, waitUntilReady, warnWithoutErrorListener } from './boot-checks.js';
import { DeadlineGate } from './deadline-gate.js';
import type { CutoffField } from './cutoff-lease.js';
import { RedisBackend } from './redis-backend.js';
import type { RedisConnection } from './redis-connection.js';
import { describeRedisError } from './redis-errors.js';

export interface BackendSettings {
  readonly connect: () => Promise<RedisConnection>;
  readonly keyPrefix: string;
  readonly startTimeoutMs: number;
  readonly logger: SessionLogger;
}

/** Connects and checks that the server can hold sessions. After a failure nothing stays open. */
export async function connectBackend(settings: BackendSettings, cutoffField: CutoffField): Promise<RedisBackend> {
  const { startTimeoutMs, logger } = settings;
  const connection = await settings.connect();
  let backend: RedisBackend | undefined;
  try {
    warnWithoutErrorListener(connection, logger);
    await waitUntilReady(connection, startTimeoutMs);
    const opened = (backend = new RedisBackend(connection, {
      logger,
      cutoff: { key: `${settings.keyPrefix}:floor`, field: cutoffField },
    }));
    await new DeadlineGate(startTimeoutMs).run(async (deadlineAtMs) => {
      await checkServers(connection, logger);
      await tryOut(opened, { settings, connection, deadlineAtMs });
    });
    return opened;
  } catch (error) {
    if (backend) backend.close();
    else connection.close();
    throw error;
  }
}

/** Reads and touches a session that does not exist, to try out the commands and keys that real sessions need. */
async function tryOut(
  backend: RedisBackend,
  {
    settings,
    connection,
    deadlineAtMs,
  }: { settings: BackendSettings; connection: RedisConnection; deadlineAtMs: number },
): Promise<void> {
  const id = createSessionId(null);
  const key = `${settings.keyPrefix}:{${userReferenceOf(id)}}`;
  try {
    await backend.readFields(key, id);
    await backend.runBefore(deadlineAtMs, { name: 'touch', key, argsFor: (notAfter) => [id, '1', '1', notAfter] });
  } catch (error) {
    const problem = describeRedisError(error);
    if (!/NOPERM|ACL failure|can't run this command/.test(problem)) throw error;
    throw new SessionConfigurationError(
      connection.option,
      `connects as a user who lacks a permission at ${connection.address}: ${problem}. Grant the keys ` +
        `~${settings.keyPrefix}:* and +eval +evalsha +time +hmget +hget +hgetall +hkeys +hlen +hexists +hrandfield +hset ` +
        '+hsetnx +hdel +pttl +pexpireat; +info is optional and allows a warning about the eviction policy',
    );
  }
}

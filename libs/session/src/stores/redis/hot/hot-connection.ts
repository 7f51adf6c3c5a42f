import { SessionConfigurationError } from '../../../core/session/session-errors.js';
import { connectBackend, type BackendSettings } from '../connection/connect-backend.js';
import { DeadlineGate } from '../connection/deadline-gate.js';
import type { RedisBackend } from '../connection/redis-backend.js';
import { describeRedisError } from '../connection/redis-errors.js';
import { SessionHashes } from '../operations/session-hashes.js';
import { SessionKeys } from '../schema/session-keys.js';
import { GenerationWatch, parseGeneration } from './generation-watch.js';
import { ConnectionCopyReader, ScriptCopyReader, type CopyReader } from './hot-read.js';
import { KeptRevocations } from './kept-revocations.js';

/** The hot side on one connected client. */
export interface HotConnection {
  readonly backend: RedisBackend;
  readonly reader: CopyReader;
  /** The hashes of copies. The plain store's operations work on copies as on sessions. */
  readonly hashes: SessionHashes;
  readonly revocations: KeptRevocations;
  /** Reports the generation of a server that ran a script. */
  readonly noticeGeneration: (generation: string) => void;
  close(): void;
}

/**
 * Connects and checks that the server can confirm copies. After a failure nothing stays open.
 *
 * @throws {SessionConfigurationError} The server's configuration rules it out.
 * @throws {SessionStoreUnavailableError} No answer in time.
 */
export async function connectHot(settings: BackendSettings): Promise<HotConnection> {
  const { keyPrefix, logger, startTimeoutMs } = settings;
  const backend = await connectBackend(settings, 'epoch');
  try {
    await new DeadlineGate(startTimeoutMs).run(() => checkGeneration(backend, settings));
  } catch (error) {
    backend.close();
    throw error;
  }
  const keys = new SessionKeys(keyPrefix);
  const watch = backend.client.isCluster ? undefined : new GenerationWatch(backend);
  watch?.start();
  return {
    backend,
    reader: watch ? new ConnectionCopyReader(backend, keys, watch) : new ScriptCopyReader(backend, keys),
    hashes: new SessionHashes(backend, keys, logger),
    revocations: new KeptRevocations(backend, keyPrefix, logger),
    noticeGeneration: (generation) => watch?.notice(generation),
    close: () => {
      watch?.stop();
      backend.close();
    },
  };
}

async function checkGeneration(backend: RedisBackend, { logger }: BackendSettings): Promise<void> {
  const replication = await backend.readInfo('replication').catch((error: unknown) => {
    const problem = describeRedisError(error);
    if (!problem.includes('NOPERM')) throw error;
    throw new SessionConfigurationError(
      'redisStore',
      `connects as a user without permission for INFO, which confirms copies: ${problem}. Grant +info and +hdel.`,
    );
  });
  if (replication.includes('role:master') && parseGeneration(replication) === undefined) {
    logger.warn(
      'Redis hides its replication id (INFO replication, master_replid), so it cannot confirm copies of sessions. The ' +
        'durable side answers every request. Use a server that reports master_replid.',
    );
  }
}

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

/** Everything that works on one connected client. */
export interface HotConnection {
  readonly backend: RedisBackend;
  readonly reader: CopyReader;
  /** Of copies, to which the plain store's operations do what they do to sessions. */
  readonly hashes: SessionHashes;
  readonly revocations: KeptRevocations;
  /** Tells that a script ran on a server of this generation. */
  readonly noticeGeneration: (generation: string) => void;
  close(): void;
}

/**
 * Connects and makes sure that copies can be confirmed there; on failure nothing stays open.
 *
 * @throws {SessionConfigurationError} It never will be possible, as it is set up.
 * @throws {SessionStoreUnavailableError} Nobody answered in time.
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
      `connects as a user who may not ask INFO, without which no copy can be confirmed: ${problem}. Needed are +info and +hdel`,
    );
  });
  if (replication.includes('role:master') && parseGeneration(replication) === undefined) {
    logger.warn(
      'Redis does not tell its replication id (INFO replication, master_replid): no copy of a session can be confirmed ' +
        'there, so every request is answered by the durable side.',
    );
  }
}
